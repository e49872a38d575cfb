// What Upgrade makes of a connection.
#include <doctest/doctest.h>

#include <string>

#include "integration/framing/bytes.h"
#include "integration/framing/stage.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

const std::string_view upgrade_request =
    "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string_view switched =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string_view upgrades = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";";

}  // namespace

TEST_CASE("no tunnel is made that the configuration does not allow") {
  Stage stage;
  Wire client = Wire::to(stage.port);
  client.send(upgrade_request);
  Wire peer = stage.called();
  CHECK_FALSE(contains(stage.request, "pgrade"));
  peer.send(switched);
  CHECK(read_answer(client).status == 502);
}

TEST_CASE("after the backend's 101 the connection is a tunnel, both ways, until one side ends") {
  Stage stage(upgrades);
  Wire client = Wire::to(stage.port);
  client.send(std::string(upgrade_request) + "early");
  Wire peer = stage.called();
  CHECK(contains(stage.request, "\r\nUpgrade: websocket\r\n"));
  CHECK(contains(stage.request, "\r\nConnection: upgrade\r\n"));
  peer.send(std::string(switched) + "\x81\x02hi");
  const Answer answer = read_answer(client);
  CHECK(answer.status == 101);
  CHECK(answer.header("Upgrade") == "websocket");
  CHECK(client.read(4) == "\x81\x02hi");
  CHECK(peer.read(5) == "early");
  client.send(smuggled);
  CHECK(peer.read(smuggled.size()) == smuggled);
  peer.send("HTTP/1.1 nonsense");
  CHECK(client.read(17) == "HTTP/1.1 nonsense");
  { const Wire closing = std::move(peer); }
  CHECK(client.read_to_end() == "");
}

TEST_CASE("a backend that does not switch gets no tunnel, and what comes next is a request like any other") {
  Stage stage(std::string(upgrades) + "if ($uri = /smuggled) { return 403; }");
  Wire client = Wire::to(stage.port);
  client.send(std::string(upgrade_request) + smuggled);
  Wire peer = stage.called();
  peer.send("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nok");
  const Answer answer = read_answer(client);
  CHECK(answer.status == 200);
  CHECK_FALSE(answer.has("Upgrade"));
  CHECK(read_answer(client).status == 403);
  CHECK_FALSE(stage.backend.was_called());
}
