// Bodies that nobody takes, or not yet, do not become requests.
#include <doctest/doctest.h>

#include <string>

#include "integration/backend.h"
#include "integration/framing/bytes.h"
#include "integration/framing/gate.h"
#include "integration/framing/stage.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("the body of a refused request never becomes the next request") {
  Gate gate(closed);
  std::string body;
  while (body.size() < 10'000'000) body += smuggled;
  const std::string head = "PATCH /upload HTTP/1.1\r\nHost: localhost\r\n";
  const std::string last = "GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  for (const bool chunked : {false, true}) {
    CAPTURE(chunked);
    const std::string request = chunked ? head + "Transfer-Encoding: chunked\r\n\r\n" + as_chunk(body) + "0\r\n\r\n"
                                        : head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    const std::string said = gate.say(request + last);
    CHECK(count(said, "HTTP/1.1 401 ") == 2);
    CHECK(count(said, "HTTP/1.1 ") == 2);  // of the request and the last one
  }
  CHECK(gate.backend.connections() == 0);
}

TEST_CASE("after a refused request with a small body the connection goes on with the next request") {
  Gate gate(closed);
  Wire client = Wire::to(gate.port);
  client.send("PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(smuggled.size()) + "\r\n\r\n" +
              smuggled);
  CHECK(read_answer(client).status == 401);
  client.send(get_request("/b", basic("user", "password")));
  CHECK(read_answer(client).status == 200);
  const auto requests = gate.backend.take();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].head.starts_with("GET /b "));
}

TEST_CASE("Expect: 100-continue is answered when somebody wants the body") {
  Backend backend;
  const auto port = free_port();
  Server server("", proxying(port, backend.port()));
  server.start();
  Wire client = Wire::to(port);
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(read_answer(client).status == 100);
  Wire peer = backend.accept();
  CHECK_FALSE(contains(peer.read_until("\r\n\r\n"), "Expect"));
  client.send("hello");
  CHECK(peer.read(5) == "hello");
  peer.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  CHECK(read_answer(client).status == 201);

  client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
  peer.read_until("hello");
  peer.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  Answer answer = read_answer(client);
  if (answer.status == 100) answer = read_answer(client);  // allowed: the body may have come after the head
  CHECK(answer.status == 201);

  Wire old = Wire::to(port);
  old.send("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  Wire other = backend.accept();
  other.read_until("\r\n\r\n");
  old.send("hello");
  other.read(5);
  other.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  CHECK(read_answer(old).status == 201);  // and no 100, which HTTP/1.0 does not know
}

TEST_CASE("Expect: 100-continue without a password is answered 401 at once, and the body is not taken") {
  Gate gate(closed);
  Wire client = Wire::to(gate.port);
  client.send("PATCH / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10000000\r\n\r\n");
  CHECK(read_answer(client).status == 401);
  client.send(smuggled);  // a body or a request? Nobody knows, so nobody answers
  CHECK(client.read_to_end() == "");
  CHECK(gate.backend.connections() == 0);
}

TEST_CASE("a backend may answer before it has the body, and what the client still sends is no request") {
  Stage stage;
  Wire client = Wire::to(stage.port);
  client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
  {
    Wire peer = stage.called();
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    const Answer answer = read_answer(client);
    CHECK(answer.status == 413);
    CHECK(answer.body == "big");
  }
  client.send(smuggled);
  CHECK(client.read_to_end() == "");
  CHECK_FALSE(stage.backend.was_called());
}
