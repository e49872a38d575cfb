// Which connection and which server a request takes, and when it is tried again.
#include <doctest/doctest.h>

#include <algorithm>

#include "world.h"

using namespace upstream_test;

namespace {

Request request(std::string method, std::string target = "/v2/") {
  Request made;
  made.method = std::move(method);
  made.target = std::move(target);
  return made;
}

// Asks, and gives the status (or 0 when the exchange broke off).
Task<unsigned> status_of(World& world, Request asked) {
  Client client;
  co_await world.ask(std::move(asked), client);
  co_return client.head.status;
}

// So many requests, one after the other, are answered.
Task<void> gets(World& world, int times) {
  for (int i = 0; i < times; ++i) CHECK(co_await status_of(world, request("GET")) == 200);
}

std::string upstream_of(const std::string& servers, const std::string& more = "") {
  return "upstream u { " + servers + " } " + World::location("/v2/", more + "proxy_pass http://u;");
}

std::string server(const Backend& backend, const std::string& more = "") {
  return "server " + backend.address() + ' ' + more + ';';
}

}  // namespace

TEST_CASE("a connection serves one request after another, without being told to") {
  Backend backend;
  World world(through(backend));
  talk(backend, gets(world, 3), [&](Side& side) -> Task<void> {
    for (int i = 0; i < 3; ++i) {
      const std::string head = co_await side->head();
      CHECK(head.find("Connection:") == std::string::npos);
      co_await side->say(ok);
    }
  });
  CHECK(backend.nobody_waits());
}

TEST_CASE("a connection that is not clean after a response is not used again") {
  const std::vector<std::string> endings = {
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
  };
  for (const std::string& ending : endings) {
    CAPTURE(ending);
    Backend backend;
    World world(through(backend));
    talk(backend, gets(world, 2), [&](Side& side) -> Task<void> {
      co_await side->answer(ending);
      CHECK(co_await side->rest() == "");
      auto second = co_await backend.accept();
      co_await second->answer(ok);
    });
  }
}

TEST_CASE("\"proxy_set_header Connection close\" is obeyed") {
  Backend backend;
  World world(through(backend, "proxy_set_header Connection close; "));
  talk(backend, status_of(world, request("GET")), [&](Side& side) -> Task<void> {
    const std::string head = co_await side->head();
    CHECK(head.find("Connection: close\r\n") != std::string::npos);
    co_await side->say(ok);
    CHECK(co_await side->rest() == "");
  });
}

TEST_CASE("an idle connection is closed when its backend closes it, speaks unasked, or its time is up") {
  for (const std::string how : {"closes", "speaks", "waits"}) {
    CAPTURE(how);
    Backend backend;
    World world(upstream_of(server(backend) + (how == "waits" ? " keepalive_timeout 50ms;" : "")));
    auto ask = [&]() -> Task<void> {
      CHECK(co_await status_of(world, request("GET")) == 200);
      co_await async::Loop::current().sleep_for(100ms);
      CHECK(co_await status_of(world, request("GET")) == 200);
    };
    talk(backend, ask(), [&](Side& side) -> Task<void> {
      co_await side->answer(ok);
      if (how == "closes") co_await side->transport().shutdown(patience);
      if (how == "speaks") co_await side->say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
      CHECK(co_await side->rest() == "");
      auto second = co_await backend.accept();
      co_await second->answer(ok);
    });
  }
}

TEST_CASE("a kept connection that turns out closed costs nobody an error") {
  Backend backend;
  World world(through(backend));
  talk(backend, gets(world, 2), [&](Side& side) -> Task<void> {
    co_await side->answer(ok);
    // The second request arrives on the kept connection, and the backend closes it at that moment.
    co_await side->head();
    side.reset();
    auto second = co_await backend.accept();
    co_await second->answer(ok);
  });
  CHECK(world.log().empty());
}

TEST_CASE("a request that may not be repeated takes no connection that waited long") {
  Backend backend;
  World world(through(backend));
  run([&]() -> Task<void> {
    std::unique_ptr<BackendSide> first;
    auto serve = [&]() -> Task<void> {
      first = co_await backend.accept();
      co_await first->answer(ok);
      auto second = co_await backend.accept();
      const std::string head = co_await second->head();
      CHECK(head.starts_with("POST "));
      CHECK(head.find("Content-Length") == std::string::npos);
      co_await second->say(ok);
    };
    auto ask = [&]() -> Task<void> {
      CHECK(co_await status_of(world, request("GET")) == 200);
      co_await async::Loop::current().sleep_for(1100ms);
      CHECK(co_await status_of(world, request("POST")) == 200);
    };
    co_await async::both(ask(), serve());
  });
}

TEST_CASE("a POST that was sent is not sent a second time") {
  Backend backend;
  World world(through(backend));
  auto ask = [&]() -> Task<void> {
    CHECK(co_await status_of(world, request("GET")) == 200);
    CHECK(co_await status_of(world, request("POST")) == 502);
  };
  talk(backend, ask(), [&](Side& side) -> Task<void> {
    co_await side->answer(ok);
    co_await side->head();
    side.reset();
  });
  CHECK(backend.nobody_waits());
}

TEST_CASE("servers take turns by their weights") {
  Backend a;
  Backend b;
  World world(upstream_of(server(a, "weight=2") + server(b)));
  std::string order;
  run([&]() -> Task<void> {
    auto serve = [&](Backend& backend, char name) -> Task<void> {
      auto side = co_await backend.accept();
      for (;;) {
        co_await side->head();
        order += name;
        co_await side->say(ok);
      }
    };
    co_await async::any(gets(world, 6), async::both(serve(a, 'a'), serve(b, 'b')));
  });
  CHECK(order == "abaaba");  // smooth: never two of b's turns in a row, as nginx
}

TEST_CASE("a server that is dead is passed over, also for an upload that has not begun") {
  Backend dead;
  Backend alive;
  const std::string dead_server = server(dead, "weight=10 max_fails=1 fail_timeout=60s");
  dead.close();
  World world(upstream_of(dead_server + server(alive)));
  FedBody body(http::BodySize::declared(4));
  body.feed("blob");
  body.end();
  Client client;
  auto ask = [&]() -> Task<void> {
    co_await world.ask(request("PATCH"), body, client);
    CHECK(co_await status_of(world, request("GET")) == 200);
  };
  talk(alive, ask(), [&](Side& side) -> Task<void> {
    co_await side->until("blob");
    co_await side->say(ok);
    co_await side->answer(ok);
  });
  CHECK(client.head.status == 200);
  // The second request knew better than to try.
  const std::string log = world.log();
  CHECK(log.find("connect() failed") == log.rfind("connect() failed"));
  CHECK(log.find("upstream server temporarily disabled") != std::string::npos);
}

TEST_CASE("backup servers wait until the others are gone; servers that are down are never asked") {
  Backend dead;
  Backend down;
  Backend backup;
  const std::string servers = server(dead) + server(down, "down") + server(backup, "backup");
  dead.close();
  World world(upstream_of(servers));
  talk(backup, status_of(world, request("GET")), [&](Side& side) -> Task<void> { co_await side->answer(ok); });
  CHECK(down.nobody_waits());
}

TEST_CASE("a status that proxy_next_upstream names is asked of the next server; the last one's answer is the answer") {
  Backend a;
  Backend b;
  const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
  World world(upstream_of(server(a) + server(b), "proxy_next_upstream error http_503; "));
  run([&]() -> Task<void> {
    auto serve = [&](Backend& backend) -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->answer(busy);
    };
    auto ask = [&]() -> Task<void> {
      Client client;
      co_await world.ask(request("GET"), client);
      CHECK(client.head.status == 503);
      CHECK(client.text == "busy");
    };
    co_await async::both(ask(), async::both(serve(a), serve(b)));
  });
}

TEST_CASE("proxy_next_upstream off and its limit of tries are obeyed") {
  for (const std::string directive : {"proxy_next_upstream off; ", "proxy_next_upstream_tries 1; "}) {
    CAPTURE(directive);
    Backend dead;
    Backend alive;
    const std::string servers = server(dead, "weight=2") + server(alive);
    dead.close();
    World world(upstream_of(servers, directive));
    run([&]() -> Task<void> { CHECK(co_await status_of(world, request("GET")) == 502); });
    CHECK(alive.nobody_waits());
  }
}

TEST_CASE("a name that does not resolve is a 503 for its requests, not the end of the start") {
  World world(upstream_of("server no-such-host.invalid:5000;"));
  run([&]() -> Task<void> { CHECK(co_await status_of(world, request("GET")) == 503); });
  CHECK(world.log().find("no-such-host.invalid could not be resolved") != std::string::npos);
  CHECK(world.log().find("upstream: \"http://u/v2/\"") != std::string::npos);
}

TEST_CASE("a name is looked up, and its address asked") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass http://localhost:" + backend.port() + ";"));
  talk(backend, gets(world, 1), [&](Side& side) -> Task<void> { co_await side->answer(ok); });
}

TEST_CASE("a loop that ends lets go of what its pool holds") {
  Backend backend;
  World world(through(backend));
  Fd backend_side;
  talk(backend, status_of(world, request("GET")), [&](Side& side) -> Task<void> {
    co_await side->answer(ok);
    backend_side = Fd(::dup(side->transport().fd()));
  });
  // The world, and with it the pool, lives on; the loop that its sockets were registered with does not.
  std::byte byte;
  CHECK(::recv(backend_side.get(), &byte, sizeof byte, MSG_DONTWAIT) == 0);
}
