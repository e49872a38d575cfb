// Connections to a backend: how long they are kept, and what becomes of a request whose connection fails.
#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>

#include "integration/framing/gate.h"
#include "integration/framing/stage.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("connections to a backend are kept, but what may not be repeated takes none that has waited") {
  Gate gate;
  const auto send = [&](std::string_view method) {
    CHECK(ask(gate.port, std::string(method) + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: "
                                               "close\r\n\r\nx")
              .status == 200);
  };
  for (int i = 0; i < 5; ++i) CHECK(ask(gate.port, get_request("/", "Connection: close\r\n")).status == 200);
  CHECK(gate.backend.connections() == 1);
  send("POST");
  CHECK(gate.backend.connections() == 1);
  // It is time itself that matters here: a second without use.
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  CHECK(ask(gate.port, get_request("/", "Connection: close\r\n")).status == 200);
  CHECK(gate.backend.connections() == 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  send("POST");
  CHECK(gate.backend.connections() == 2);
}

TEST_CASE("a kept connection that turns out closed: a GET is repeated on a fresh one, a POST is not") {
  Stage stage;
  Wire client = Wire::to(stage.port);
  const auto keep_one = [&] {
    client.send(get_request("/first"));
    Wire peer = stage.called();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(read_answer(client).body == "ok");
    return peer;
  };
  {
    Wire kept = keep_one();
    client.send(get_request("/second"));
    kept.read_until("\r\n\r\n");
  }
  {
    Wire fresh = stage.called();
    CHECK(stage.request.starts_with("GET /second "));
    fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfresh");
    CHECK(read_answer(client).body == "fresh");
  }
  {
    Wire kept = keep_one();
    client.send("POST /third HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    kept.read_until("\r\n\r\nx");
  }
  CHECK(read_answer(client).status == 502);
  CHECK_FALSE(stage.backend.was_called());
}

TEST_CASE("a backend that is not there is a bad gateway, one that stays silent a gateway time-out") {
  Stage stage("proxy_read_timeout 1;");
  {
    Wire client = Wire::to(stage.port);
    client.send(get_request("/"));
    const Wire peer = stage.called();
    const Answer answer = read_answer(client);
    CHECK(answer.status == 504);
    CHECK(contains(answer.body, "504 Gateway Time-out"));
  }
  stage.backend.close();
  const Answer answer = ask(stage.port, get_request("/"));
  CHECK(answer.status == 502);
  CHECK(
      stage.server.logs("connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1"));
  CHECK(
      stage.server.logs("upstream timed out (110: Connection timed out) while reading response header from upstream"));
}

TEST_CASE("a client that leaves takes its request from the backend") {
  Stage stage;
  Wire peer = [&] {
    Wire client = Wire::to(stage.port);
    client.send(get_request("/"));
    return stage.called();
  }();
  CHECK(peer.read_to_end() == "");
}
