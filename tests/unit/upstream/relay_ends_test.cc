// How a conversation with a backend ends: where a response ends, who ends before the other, and who goes away.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "world.h"

using namespace upstream_test;

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
    World world(through(backend));
    Client client;
    bool thrown = false;
    auto ask = [&]() -> Task<void> {
      try {
        co_await world.ask(get("/v2/"), client);
      } catch (const std::exception&) {
        thrown = true;
      }
    };
    talk(backend, ask(), [&](Side& side) -> Task<void> {
      co_await side->answer(c.wire);
      co_await side->transport().shutdown(patience);
      co_await side->rest();
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
    World world(through(backend));
    Client client;
    auto ask_twice = [&]() -> Task<void> {
      Request first = get("/v2/");
      first.method = c.method;
      co_await world.ask(first, client);
      Client second;
      co_await world.ask(get("/v2/again"), second);
      CHECK(second.text == "ok");
    };
    talk(backend, ask_twice(), [&](Side& side) -> Task<void> {
      co_await side->answer(c.head);
      // The connection stays open: only the framing ends the answer.
      const std::string second = co_await side->head();
      CHECK(second.starts_with("GET /v2/again"));
      co_await side->say(ok);
    });
    CHECK(client.head.status == c.status);
    CHECK(client.text.empty());
    CHECK(client.finished);
    CHECK(client.header("Content-Length") == c.length);
  }
}

TEST_CASE("interim responses are not the response") {
  Backend backend;
  World world(through(backend));
  Client client;
  talk(backend, world.ask(get("/v2/"), client), [&](Side& side) -> Task<void> {
    co_await side->answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok);
  });
  CHECK(client.head.status == 200);
  CHECK(client.header("Link") == "(none)");
  CHECK(client.text == "ok");
}

TEST_CASE("an early answer is relayed while the client is still sending, and ends the sending") {
  Backend backend;
  World world(through(backend));
  FedBody body(http::BodySize::declared(1U << 30));
  Client client;
  talk(backend, world.ask(patch(), body, client), [&](Side& side) -> Task<void> {
    co_await side->head();
    body.feed("the beginning");
    co_await side->exactly(13);
    co_await side->say("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nstop");
    co_await side->rest();  // the connection is closed, not kept: the rest of the body is still owed on it
  });
  CHECK(client.head.status == 413);
  CHECK(client.text == "stop");
  CHECK(client.finished);
}

TEST_CASE("an early answer is seen although the backend closed without taking the body") {
  Backend backend;
  World world(through(backend));
  FedBody body(http::BodySize::streamed());
  Client client;
  talk(backend, world.ask(patch(), body, client), [&](Side& side) -> Task<void> {
    co_await side->answer("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    side.reset();
    for (int i = 0; i < 64; ++i) body.feed(std::string(64 * 1024, 'x'));
  });
  CHECK(client.head.status == 401);
  CHECK(client.text == "no");
}

TEST_CASE("a body that is not as long as declared never reaches the backend as a whole request and more") {
  for (const std::string body_text : {"short", "much too long"}) {
    CAPTURE(body_text);
    Backend backend;
    World world(through(backend));
    FedBody body(http::BodySize::declared(8));
    body.feed(body_text);
    body.end();
    Client client;
    talk(backend, world.ask(patch(), body, client), [&](Side& side) -> Task<void> {
      co_await side->head();
      const std::string got = co_await side->rest();
      CHECK(got.size() < 8);
    });
    CHECK(client.head.status == 400);
  }
}

TEST_CASE("what the client does wrong is the client's: it passes through, and the backend sees its request end") {
  Backend backend;
  World world(through(backend));
  FedBody body(http::BodySize::declared(100));
  Client client;
  auto ask = [&]() -> Task<void> { CHECK_THROWS_AS(co_await world.ask(patch(), body, client), http::PeerGone); };
  talk(backend, ask(), [&](Side& side) -> Task<void> {
    co_await side->head();
    body.feed("part");
    co_await side->exactly(4);
    body.fail(std::make_exception_ptr(http::PeerGone()));
    CHECK(co_await side->rest() == "");
  });
  CHECK_FALSE(client.started);
}

TEST_CASE("a client that goes away ends the request at the backend") {
  Backend backend;
  World world(through(backend));
  Client client;
  async::Signal asked;
  auto leave = [&]() -> Task<void> { co_await asked.wait(); };
  auto ask = [&]() -> Task<void> { co_await async::any(world.ask(get("/v2/"), client), leave()); };
  talk(backend, ask(), [&](Side& side) -> Task<void> {
    co_await side->head();
    asked.set();
    CHECK(co_await side->rest() == "");
  });
  CHECK_FALSE(client.started);
}

TEST_CASE("with proxy_ignore_client_abort the backend is heard out, although the client went away") {
  Backend backend;
  World world(through(backend, "proxy_ignore_client_abort on; "));
  Client client;
  async::Signal asked;
  auto leave = [&]() -> Task<void> { co_await asked.wait(); };
  auto ask = [&]() -> Task<void> { co_await async::any(world.ask(get("/v2/"), client), leave()); };
  talk(backend, ask(), [&](Side& side) -> Task<void> {
    co_await side->head();
    asked.set();
    co_await async::Loop::current().sleep_for(20ms);
    co_await side->say(ok);
  });
  CHECK(client.text == "ok");
}
