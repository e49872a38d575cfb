// The way of bytes: both bodies are passed on as they come.
#include <doctest/doctest.h>

#include <string>

#include "world.h"

using namespace upstream_test;

TEST_CASE("a chunk of the request reaches the backend before the client sends the next one") {
  Backend backend;
  World world(through(backend));
  FedBody body(http::BodySize::streamed());
  Client client;
  talk(backend, world.ask(patch(), body, client), [&](Side& side) -> Task<void> {
    const std::string head = co_await side->head();
    CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(head.find("Content-Length") == std::string::npos);
    body.feed("first");
    CHECK(co_await side->until("5\r\nfirst\r\n") == "5\r\nfirst\r\n");
    body.feed("second!");
    CHECK(co_await side->until("7\r\nsecond!\r\n") == "7\r\nsecond!\r\n");
    body.end();
    CHECK(co_await side->until("0\r\n\r\n") == "0\r\n\r\n");
    co_await side->say("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  });
  CHECK(client.head.status == 202);
  CHECK(client.finished);
}

TEST_CASE("a declared request body goes on under its length, slice by slice") {
  Backend backend;
  World world(through(backend));
  FedBody body(http::BodySize::declared(8));
  Client client;
  talk(backend, world.ask(patch(), body, client), [&](Side& side) -> Task<void> {
    const std::string head = co_await side->head();
    CHECK(head.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(head.find("Transfer-Encoding") == std::string::npos);
    body.feed("abcd");
    CHECK(co_await side->exactly(4) == "abcd");
    body.feed("efgh");
    body.end();
    CHECK(co_await side->exactly(4) == "efgh");
    co_await side->say(ok);
  });
  CHECK(client.text == "ok");
}

TEST_CASE("a slice of the response reaches the client before the backend sends the next one") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    Backend backend;
    World world(through(backend));
    Client client;
    talk(backend, world.ask(get("/v2/"), client), [&](Side& side) -> Task<void> {
      co_await side->answer(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    : "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      co_await client.has_head();
      co_await side->say(chunked ? "5\r\nfirst\r\n" : "first");
      co_await client.has(5);
      CHECK(client.text == "first");
      CHECK_FALSE(client.finished);
      co_await side->say(chunked ? "5\r\nafter\r\n0\r\nX-Trailer: dropped\r\n\r\n" : "after");
    });
    CHECK(client.text == "firstafter");
    CHECK(client.finished);
    CHECK(client.header("X-Trailer") == "(none)");
    CHECK(client.header("Transfer-Encoding") == "(none)");
    CHECK(client.header("Content-Length") == (chunked ? "(none)" : "10"));
  }
}

TEST_CASE("a client that stops taking bytes stops the backend from being read") {
  Backend backend;
  World world(through(backend));
  Client client;
  constexpr std::size_t whole = 64U << 20;
  std::size_t written = 0;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      client.stop();
      co_await side->say("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(whole) + "\r\n\r\n");
      const std::string block(1U << 20, 'x');
      bool stuck = false;
      while (written < whole) {
        try {
          co_await side->transport().write(text::bytes_of(block), stuck ? 10s : 200ms);
          written += block.size();
        } catch (const async::TimedOut&) {
          stuck = true;
        }
        if (stuck) break;
      }
      REQUIRE(stuck);
      CHECK(written < whole / 2);  // what the sockets hold, not what the response has
      side->transport().reset();
    };
    auto ask = [&]() -> Task<void> { CHECK_THROWS(co_await world.ask(get("/v2/"), client)); };
    auto unblock = [&]() -> Task<void> {
      co_await serve();
      client.resume();
    };
    co_await async::both(ask(), unblock());
  });
  CHECK_FALSE(client.finished);
}

TEST_CASE("a response comes no faster than proxy_limit_rate, with the bytes of one second ahead") {
  for (const std::string buffering : {"on", "off"}) {
    CAPTURE(buffering);
    Backend backend;
    World world(World::location("/v2/", "proxy_limit_rate 10; proxy_buffering " + buffering + "; proxy_pass http://" +
                                            backend.address() + ";"));
    Client client;
    const auto began = std::chrono::steady_clock::now();
    talk(backend, world.ask(Request(), client), [&](Side& side) -> Task<void> {
      co_await side->answer("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n0123456789abcde");
      co_await client.has(10);
      CHECK((client.text == "0123456789") == (buffering == "on"));
    });
    CHECK(client.text == "0123456789abcde");
    // As in nginx, only what would be buffered is held back.
    CHECK((std::chrono::steady_clock::now() - began >= 900ms) == (buffering == "on"));
  }
}

TEST_CASE("an upgrade is a tunnel when it is configured and the backend agrees") {
  Backend backend;
  World world(World::location("/v2/",
                              "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; "
                              "proxy_pass http://" +
                                  backend.address() + ";"));
  FedBody from_client(http::BodySize::none());
  Client client;
  client.upgradable = true;
  Request request = get("/v2/ws");
  request.headers.add("Upgrade", "websocket");
  request.headers.add("Connection", "Upgrade");
  talk(backend, world.ask(request, from_client, client), [&](Side& side) -> Task<void> {
    const std::string head = co_await side->head();
    CHECK(head.find("Upgrade: websocket\r\n") != std::string::npos);
    CHECK(head.find("Connection: upgrade\r\n") != std::string::npos);
    co_await side->say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello");
    co_await client.has(5);
    from_client.feed("ping");
    CHECK(co_await side->exactly(4) == "ping");
    co_await side->say("pong");
    co_await client.has(9);
  });
  CHECK(client.head.status == 101);
  CHECK(client.header("Upgrade") == "websocket");
  CHECK(client.text == "hellopong");
}
