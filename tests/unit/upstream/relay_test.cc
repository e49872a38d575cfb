// The way of bytes: both bodies are passed on as they come, and how a conversation with a backend ends.
#include <doctest/doctest.h>

#include "world.h"

using namespace upstream_test;

namespace {

const std::string ok_head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

Request get(std::string target) { return {"GET", std::move(target)}; }
Request patch() { return {"PATCH", "/v2/app/blobs/uploads/1"}; }

}  // namespace

TEST_CASE("a chunk of the request reaches the backend before the client sends the next one") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  FedBody body(http::BodySize::streamed());
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
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
    };
    co_await async::both(world.ask(patch(), body, client), serve());
  });
  CHECK(client.head.status == 202);
  CHECK(client.finished);
}

TEST_CASE("a declared request body goes on under its length, slice by slice") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  FedBody body(http::BodySize::declared(8));
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      const std::string head = co_await side->head();
      CHECK(head.find("Content-Length: 8\r\n") != std::string::npos);
      CHECK(head.find("Transfer-Encoding") == std::string::npos);
      body.feed("abcd");
      CHECK(co_await side->exactly(4) == "abcd");
      body.feed("efgh");
      body.end();
      CHECK(co_await side->exactly(4) == "efgh");
      co_await side->say(ok_head + "ok");
    };
    co_await async::both(world.ask(patch(), body, client), serve());
  });
  CHECK(client.text == "ok");
}

TEST_CASE("a slice of the response reaches the client before the backend sends the next one") {
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    Backend backend;
    World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
    Client client;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await side->say(chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   : "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        co_await client.has_head();
        co_await side->say(chunked ? "5\r\nfirst\r\n" : "first");
        co_await client.has(5);
        CHECK(client.text == "first");
        CHECK_FALSE(client.finished);
        co_await side->say(chunked ? "5\r\nafter\r\n0\r\nX-Trailer: dropped\r\n\r\n" : "after");
      };
      co_await async::both(world.ask(get("/v2/"), client), serve());
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
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
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

TEST_CASE("a response that ends with its connection is whole; one cut short never looks whole") {
  struct Case {
    std::string wire;
    bool whole;
    std::string text;
  };
  for (const Case& c :
       {Case{"HTTP/1.0 200 OK\r\n\r\nall of it", true, "all of it"},
        Case{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false, "half"},
        Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false, "half"},
        Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", false, "half"}}) {
    CAPTURE(c.wire);
    Backend backend;
    World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
    Client client;
    bool thrown = false;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await side->say(c.wire);
        co_await side->transport().shutdown(patience);
        co_await side->rest();
      };
      auto ask = [&]() -> Task<void> {
        try {
          co_await world.ask(get("/v2/"), client);
        } catch (const std::exception&) {
          thrown = true;
        }
      };
      co_await async::both(ask(), serve());
    });
    CHECK(client.head.status == 200);
    CHECK(client.text == c.text);
    CHECK(client.finished == c.whole);
    CHECK(thrown == !c.whole);
  }
}

TEST_CASE("answers without a body have none, whatever their length says") {
  struct Case {
    std::string method;
    std::string head;
    unsigned status;
    std::string length;
  };
  const std::vector<Case> cases = {
      Case{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n", 200, "4096"},
      Case{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4096\r\n\r\n", 304, "4096"},
      Case{"DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, "(none)"}};
  for (const Case& c : cases) {
    CAPTURE(c.status);
    Backend backend;
    World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
    Client client;
    run([&]() -> Task<void> {
      auto ask_twice = [&]() -> Task<void> {
        Request first = get("/v2/");
        first.method = c.method;
        co_await world.ask(first, client);
        Client second;
        co_await world.ask(get("/v2/again"), second);
        CHECK(second.text == "ok");
      };
      auto serve_twice = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await side->say(c.head);
        // The connection stays open: only the framing ends the answer.
        const std::string second = co_await side->head();
        CHECK(second.starts_with("GET /v2/again"));
        co_await side->say(ok_head + "ok");
      };
      co_await async::both(ask_twice(), serve_twice());
    });
    CHECK(client.head.status == c.status);
    CHECK(client.text.empty());
    CHECK(client.finished);
    CHECK(client.header("Content-Length") == c.length);
  }
}

TEST_CASE("interim responses are not the response") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      co_await side->say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok_head +
                         "ok");
    };
    co_await async::both(world.ask(get("/v2/"), client), serve());
  });
  CHECK(client.head.status == 200);
  CHECK(client.header("Link") == "(none)");
  CHECK(client.text == "ok");
}

TEST_CASE("an early answer is relayed while the client is still sending, and ends the sending") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  FedBody body(http::BodySize::declared(1U << 30));
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      body.feed("the beginning");
      co_await side->exactly(13);
      co_await side->say("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nstop");
      co_await side->rest();  // the connection is closed, not kept: the rest of the body is still owed on it
    };
    co_await async::both(world.ask(patch(), body, client), serve());
  });
  CHECK(client.head.status == 413);
  CHECK(client.text == "stop");
  CHECK(client.finished);
}

TEST_CASE("an early answer is seen although the backend closed without taking the body") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  FedBody body(http::BodySize::streamed());
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      co_await side->say("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
      side.reset();
      for (int i = 0; i < 64; ++i) body.feed(std::string(64 * 1024, 'x'));
    };
    co_await async::both(world.ask(patch(), body, client), serve());
  });
  CHECK(client.head.status == 401);
  CHECK(client.text == "no");
}

TEST_CASE("what the client does wrong is the client's: it passes through, and the backend sees its request end") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  FedBody body(http::BodySize::declared(100));
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      body.feed("part");
      co_await side->exactly(4);
      body.fail(std::make_exception_ptr(http::PeerGone()));
      CHECK(co_await side->rest() == "");
    };
    auto ask = [&]() -> Task<void> { CHECK_THROWS_AS(co_await world.ask(patch(), body, client), http::PeerGone); };
    co_await async::both(ask(), serve());
  });
  CHECK_FALSE(client.started);
}

TEST_CASE("a dead backend is a 502 before the client is asked for its body") {
  Backend backend;
  const std::string address = backend.address();
  backend.close();
  World world(World::location("/v2/", "proxy_pass http://" + address + ";"));
  FedBody body(http::BodySize::declared(100));
  Client client;
  run([&]() -> Task<void> { co_await world.ask(patch(), body, client); });
  CHECK(client.head.status == 502);
  CHECK_FALSE(body.asked());
  CHECK(world.log().find("[error]") != std::string::npos);
  CHECK(
      world.log().find("connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.1") !=
      std::string::npos);
  CHECK(world.log().find("upstream: \"http://" + address + "/v2/app/blobs/uploads/1\"") != std::string::npos);
}

TEST_CASE("answers that are none are 502") {
  const std::vector<std::string> wires = {
      "", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"};
  for (const std::string& wire : wires) {
    CAPTURE(wire);
    Backend backend;
    World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
    Client client;
    client.upgradable = true;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await side->say(wire);
        co_await side->transport().shutdown(patience);
        co_await side->rest();
      };
      co_await async::both(world.ask(get("/v2/"), client), serve());
    });
    CHECK(client.head.status == 502);
    CHECK(world.log().find("while reading response header from upstream") != std::string::npos);
  }
}

TEST_CASE("silence is a 504, counted from the last byte in either direction") {
  Backend backend;
  World world(World::location("/v2/", "proxy_read_timeout 300ms; proxy_pass http://" + backend.address() + ";"));
  SUBCASE("no answer") {
    Client client;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->rest();
      };
      co_await async::both(world.ask(get("/v2/"), client), serve());
    });
    CHECK(client.head.status == 504);
    CHECK(world.log().find("upstream timed out (110: Connection timed out) while reading response header") !=
          std::string::npos);
  }
  SUBCASE("a client that takes its time to send is not the backend's silence") {
    FedBody body(http::BodySize::streamed());
    Client client;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await async::Loop::current().sleep_for(700ms);
        body.feed("late");
        body.end();
        co_await side->until("0\r\n\r\n");
        co_await side->say(ok_head + "ok");
      };
      co_await async::both(world.ask(patch(), body, client), serve());
    });
    CHECK(client.head.status == 200);
  }
  SUBCASE("in the middle of a response it breaks the client off") {
    Client client;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await side->say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        co_await side->rest();
      };
      auto ask = [&]() -> Task<void> { CHECK_THROWS(co_await world.ask(get("/v2/"), client)); };
      co_await async::both(ask(), serve());
    });
    CHECK(client.text == "half");
    CHECK_FALSE(client.finished);
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
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      const std::string head = co_await side->head();
      CHECK(head.find("Upgrade: websocket\r\n") != std::string::npos);
      CHECK(head.find("Connection: upgrade\r\n") != std::string::npos);
      co_await side->say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello");
      co_await client.has(5);
      from_client.feed("ping");
      CHECK(co_await side->exactly(4) == "ping");
      co_await side->say("pong");
      co_await client.has(9);
    };
    co_await async::both(world.ask(request, from_client, client), serve());
  });
  CHECK(client.head.status == 101);
  CHECK(client.header("Upgrade") == "websocket");
  CHECK(client.text == "hellopong");
}

TEST_CASE("a client that goes away ends the request at the backend") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
  Client client;
  async::Signal asked;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      asked.set();
      CHECK(co_await side->rest() == "");
    };
    auto leave = [&]() -> Task<void> { co_await asked.wait(); };
    auto ask = [&]() -> Task<void> { co_await async::any(world.ask(get("/v2/"), client), leave()); };
    co_await async::both(ask(), serve());
  });
  CHECK_FALSE(client.started);
}

TEST_CASE("with proxy_ignore_client_abort the backend is heard out, although the client went away") {
  Backend backend;
  World world(World::location("/v2/", "proxy_ignore_client_abort on; proxy_pass http://" + backend.address() + ";"));
  Client client;
  async::Signal asked;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->head();
      asked.set();
      co_await async::Loop::current().sleep_for(20ms);
      co_await side->say(ok_head + "ok");
    };
    auto leave = [&]() -> Task<void> { co_await asked.wait(); };
    auto ask = [&]() -> Task<void> { co_await async::any(world.ask(get("/v2/"), client), leave()); };
    co_await async::both(ask(), serve());
  });
  CHECK(client.text == "ok");
}

TEST_CASE("a body that is not as long as declared never reaches the backend as a whole request and more") {
  for (const std::string body_text : {"short", "much too long"}) {
    CAPTURE(body_text);
    Backend backend;
    World world(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"));
    FedBody body(http::BodySize::declared(8));
    body.feed(body_text);
    body.end();
    Client client;
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        const std::string got = co_await side->rest();
        CHECK(got.size() < 8);
      };
      co_await async::both(world.ask(patch(), body, client), serve());
    });
    CHECK(client.head.status == 400);
  }
}

TEST_CASE("a response comes no faster than proxy_limit_rate, with the bytes of one second ahead") {
  for (const std::string buffering : {"on", "off"}) {
    CAPTURE(buffering);
    Backend backend;
    World world(World::location("/v2/", "proxy_limit_rate 10; proxy_buffering " + buffering + "; proxy_pass http://" +
                                            backend.address() + ";"));
    Client client;
    const auto began = std::chrono::steady_clock::now();
    run([&]() -> Task<void> {
      auto serve = [&]() -> Task<void> {
        auto side = co_await backend.accept();
        co_await side->head();
        co_await side->say("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n0123456789abcde");
        co_await client.has(10);
        CHECK((client.text == "0123456789") == (buffering == "on"));
      };
      co_await async::both(world.ask(Request(), client), serve());
    });
    CHECK(client.text == "0123456789abcde");
    // As in nginx, only what would be buffered is held back.
    CHECK((std::chrono::steady_clock::now() - began >= 900ms) == (buffering == "on"));
  }
}
