// Requests on one connection are told apart and answered in their order, however they come.
#include <doctest/doctest.h>

#include <array>
#include <future>
#include <string>
#include <vector>

#include "integration/backend.h"
#include "integration/framing/bytes.h"
#include "integration/framing/gate.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("pipelined requests are answered in their order, and none after Connection: close") {
  Gate gate;
  Wire client = Wire::to(gate.port);
  client.send(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGETPOST /3 "
      "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\nHEAD /4 HTTP/1.1\r\nHost: "
      "a\r\n\r\nGET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" +
      smuggled);
  for (const bool to_head : {false, false, false, true, false}) CHECK(read_answer(client, to_head).status == 200);
  CHECK(client.read_to_end() == "");
  const auto requests = gate.seen();
  REQUIRE(requests.size() == 5);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(contains(requests[i].head, " /" + std::to_string(i + 1) + " HTTP/1.1\r\n"));
  }
  CHECK(requests[1].body == "GET");
  CHECK(requests[2].body == "GET");
}

TEST_CASE("a head that comes byte by byte is the same head") {
  Gate gate;
  Wire client = Wire::to(gate.port);
  for (const char c : get_request("/slow", "X-Some: thing\r\n")) client.send({&c, 1});
  CHECK(read_answer(client).status == 200);
  CHECK(contains(gate.only_one().head, "X-Some: thing\r\n"));
}

TEST_CASE("with several loops, each client gets the answers to its own questions") {
  const auto port = free_port();
  RecordingBackend backend;
  Server server("worker_processes 4;",
                proxying(port, backend.port()) + "server { listen 127.0.0.1:" + std::to_string(port) +
                    "; server_name echo; location / { return 200 \"$request_uri $http_x_client\"; } }");
  server.start();
  std::array<int, 8> right{};
  std::vector<std::future<void>> clients;
  for (std::size_t i = 0; i < right.size(); ++i) {
    clients.push_back(std::async(std::launch::async, [&, i] {
      for (int connection = 0; connection < 5; ++connection) {
        Wire wire = Wire::to(port);
        for (int n = 0; n < 20; ++n) {
          const std::string path = "/" + std::to_string(n);
          const std::string who = std::to_string(i);
          wire.send("GET " + path + " HTTP/1.1\r\nHost: echo\r\nX-Client: " + who + "\r\n\r\n" + get_request(path));
          if (read_answer(wire).body == path + ' ' + who && read_answer(wire).body == "ok") ++right[i];
        }
      }
    }));
  }
  for (auto& client : clients) client.get();
  for (const int n : right) CHECK(n == 100);
  CHECK(backend.take().size() == 800);
}
