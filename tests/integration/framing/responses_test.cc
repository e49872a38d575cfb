// Where a response ends, for the backend and for the client; and what is none.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <string>

#include "integration/framing/stage.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("responses come through however the backend frames them") {
  Stage stage;
  CHECK(stage.body_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") == "hello");
  CHECK(stage.clean);
  {
    Wire client = Wire::to(stage.port);
    client.send(get_request("/"));
    Wire peer = stage.called();
    peer.send(
        "HTTP/1.1 200 OK\r\nTrailer: T\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: "
        "1\r\n\r\n");
    const Answer answer = read_answer(client);
    CHECK(answer.body == "hello");
    CHECK_FALSE(answer.has("Trailer"));  // the trailers themselves are dropped, as nginx drops them
    client.send(get_request("/again"));
    CHECK(peer.read_until("\r\n\r\n").starts_with("GET /again "));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    CHECK(read_answer(client).body == "ok");
  }
  CHECK(stage.body_of("HTTP/1.0 200 OK\r\n\r\nhello") == as_chunk("hello") + "0\r\n\r\n");
  CHECK(stage.clean);
  CHECK(stage.body_of("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello") == "hello");
  CHECK(stage.body_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "");
  CHECK(stage.clean);
}

TEST_CASE("a client of HTTP/1.0 gets no chunks") {
  Stage stage;
  for (const std::string_view response :
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello"}) {
    const std::string got = stage.relayed(response, "GET / HTTP/1.0\r\nHost: a\r\n");
    CHECK(got.ends_with("\r\n\r\nhello"));
    CHECK_FALSE(contains(got, "chunked"));
    CHECK(stage.clean);
  }
}

TEST_CASE("a response that breaks off in the middle is broken off at the client, too, who gets what came") {
  Stage stage;
  const std::string whole_head = stage.relayed("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  CHECK(contains(whole_head, "\r\nContent-Length: 50\r\n"));
  CHECK(whole_head.ends_with("\r\n\r\nhello"));
  CHECK(stage.clean);  // no reset: it would take away what the client has not read yet
  for (const std::string_view cut :
       {"5\r\nhello", "5\r\nhello\r\n", "5\r\nhel", "5\r\nhello\r\n0\r\n", "5\r\nhello\r\nx"}) {
    CAPTURE(cut);
    const std::string got = stage.relayed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(cut));
    CHECK_FALSE(contains(got, "0\r\n\r\n"));
    CHECK(stage.clean);
  }
  // A client that would take the end of the connection for the end of the body is told by a reset.
  stage.relayed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", "GET / HTTP/1.0\r\nHost: a\r\n");
  CHECK_FALSE(stage.clean);
}

TEST_CASE("a backend's reset in a response without a length is no end of it") {
  Stage stage;
  for (const std::string_view version : {"1.1", "1.0"}) {
    CAPTURE(version);
    Wire client = Wire::to(stage.port);
    client.send("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\nConnection: close\r\n\r\n");
    {
      Wire peer = stage.called();
      peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
      client.read_until("hello");
      const linger at_once{1, 0};
      ::setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    CHECK_FALSE(contains(client.read_to_end(), "0\r\n\r\n"));
    CHECK(client.ended_cleanly() == (version == "1.1"));  // without the last chunk it is not whole
  }
}

TEST_CASE("responses without a body have none, and the backend's connection serves the next request") {
  Stage stage;
  Wire client = Wire::to(stage.port);
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  Wire peer = stage.called();
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
  const Answer head = read_answer(client, true);
  CHECK(head.status == 200);
  CHECK(head.header("Content-Length") == "12345");

  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(read_answer(client, true).status == 200);

  client.send(get_request("/304"));
  CHECK(peer.read_until("\r\n\r\n").starts_with("GET /304 "));
  peer.send("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 77\r\n\r\n");
  CHECK(read_answer(client).status == 304);

  client.send("DELETE /204 HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  const Answer none = read_answer(client);
  CHECK(none.status == 204);
  CHECK_FALSE(none.has("Content-Length"));
  CHECK_FALSE(none.has("Transfer-Encoding"));

  client.send(get_request("/last"));
  CHECK(peer.read_until("\r\n\r\n").starts_with("GET /last "));
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(read_answer(client).body == "ok");
}

TEST_CASE("a backend that sends a body where none may be does not answer the next request with it") {
  for (const std::string response :
       {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/", "HTTP/1.1 204 No Content\r\n\r\nHTTP/",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nHTTP/",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"}) {
    CAPTURE(response);
    Stage stage;
    Wire client = Wire::to(stage.port);
    client.send(get_request("/"));
    Wire peer = stage.called();
    peer.send(response);
    read_answer(client);
    client.send(get_request("/next"));
    Wire fresh = stage.called();
    fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh");
    CHECK(read_answer(client).body == "fresh");
  }
}

TEST_CASE("interim responses of the backend are dropped, as nginx drops them; too many are refused") {
  Stage stage;
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  const std::string got =
      stage.relayed("HTTP/1.1 100 Continue\r\n\r\n" + hints + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(got.ends_with("\r\n\r\nok"));
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += hints;
  CHECK(stage.relayed(flood).starts_with("HTTP/1.1 502 "));
}

TEST_CASE("a response that could be read in two ways, or is none, is a bad gateway") {
  Stage stage;
  for (const std::string_view response : {
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
           "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n",
           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nraw",
           "HTTP/2 200 OK\r\n\r\n",
           "HTTP/1.1 20 OK\r\n\r\n",
           "+OK POP3 ready\r\n",
           "HTTP/1.1 200 OK\r\nContent-Le",
           "",
       }) {
    CAPTURE(response);
    const std::string got = stage.relayed(response);
    CHECK(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    CHECK(count(got, "HTTP/1.1 ") == 1);
    CHECK(stage.clean);
  }
}
