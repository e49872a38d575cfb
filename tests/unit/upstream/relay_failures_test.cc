// Backends that are dead, silent, or say what is no response.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "world.h"

using namespace upstream_test;

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
    World world(through(backend));
    Client client;
    client.upgradable = true;
    talk(backend, world.ask(get("/v2/"), client), [&](Side& side) -> Task<void> {
      co_await side->answer(wire);
      co_await side->transport().shutdown(patience);
      co_await side->rest();
    });
    CHECK(client.head.status == 502);
    CHECK(world.log().find("while reading response header from upstream") != std::string::npos);
  }
}

TEST_CASE("silence is a 504, counted from the last byte in either direction") {
  Backend backend;
  World world(through(backend, "proxy_read_timeout 300ms; "));
  SUBCASE("no answer") {
    Client client;
    talk(backend, world.ask(get("/v2/"), client), [&](Side& side) -> Task<void> { co_await side->rest(); });
    CHECK(client.head.status == 504);
    CHECK(world.log().find("upstream timed out (110: Connection timed out) while reading response header") !=
          std::string::npos);
  }
  SUBCASE("a client that takes its time to send is not the backend's silence") {
    FedBody body(http::BodySize::streamed());
    Client client;
    talk(backend, world.ask(patch(), body, client), [&](Side& side) -> Task<void> {
      co_await side->head();
      co_await async::Loop::current().sleep_for(700ms);
      body.feed("late");
      body.end();
      co_await side->until("0\r\n\r\n");
      co_await side->say(ok);
    });
    CHECK(client.head.status == 200);
  }
  SUBCASE("in the middle of a response it breaks the client off") {
    Client client;
    auto ask = [&]() -> Task<void> { CHECK_THROWS(co_await world.ask(get("/v2/"), client)); };
    talk(backend, ask(), [&](Side& side) -> Task<void> {
      co_await side->answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      co_await side->rest();
    });
    CHECK(client.text == "half");
    CHECK_FALSE(client.finished);
  }
}
