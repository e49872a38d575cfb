// Nothing is held back: what one side has sent is at the other before more of it comes.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "integration/backend.h"
#include "integration/streaming/gate.h"
#include "integration/streaming/pattern.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("the backend has a chunk of the request before the next one is sent") {
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send("PATCH /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    Wire peer = backend.accept();
    CHECK(peer.read_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    client.send(as_chunk("first"));
    CHECK(peer.read_until("first\r\n") == as_chunk("first"));
    client.send(as_chunk("second"));
    CHECK(peer.read_until("second\r\n") == as_chunk("second"));
    client.send("0\r\n\r\n");
    CHECK(peer.read_until("0\r\n\r\n") == "0\r\n\r\n");
    peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(client).status == 202);
  }
}

TEST_CASE("the backend has a part of a body of declared length before the rest is sent") {
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send("PUT /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n");
    Wire peer = backend.accept();
    CHECK(peer.read_until("\r\n\r\n").find("Content-Length: 11\r\n") != std::string::npos);
    client.send("first");
    CHECK(peer.read(5) == "first");
    client.send("second");
    CHECK(peer.read(6) == "second");
    peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(client).status == 202);
  }
}

TEST_CASE("the client has a part of the response before the next one is sent, however it is framed") {
  struct Framing {
    std::string_view backend_head;
    std::string_view client_head;
    bool chunked_to_client;
  };
  const Framing framings[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n", "Content-Length: 11\r\n", false},
      {"HTTP/1.0 200 OK\r\n\r\n", "Transfer-Encoding: chunked\r\n", true},
  };
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    for (const Framing& framing : framings) {
      CAPTURE(tls);
      CAPTURE(framing.backend_head);
      Wire client = gate.connect(tls);
      client.send(get_request("/blob"));
      Wire peer = backend.accept();
      peer.read_until("\r\n\r\n");
      peer.send(framing.backend_head);
      CHECK(client.read_until("\r\n\r\n").find(framing.client_head) != std::string::npos);
      for (const std::string part : {"first", "second"}) {
        const std::string expected = framing.chunked_to_client ? as_chunk(part) : part;
        peer.send(part);
        CHECK(client.read(expected.size()) == expected);
      }
      { const Wire closing = std::move(peer); }
      if (framing.chunked_to_client) CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
    }
  }
}

TEST_CASE("the client has a chunk of the response before the next one is sent") {
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send(get_request("/blob"));
    Wire peer = backend.accept();
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    CHECK(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    peer.send(as_chunk("first"));
    CHECK(client.read_until("first\r\n") == as_chunk("first"));
    peer.send(as_chunk("second"));
    CHECK(client.read_until("second\r\n") == as_chunk("second"));
    peer.send("0\r\n\r\n");
    CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
  }
}

TEST_CASE("a response that breaks off is no whole one, with TLS neither") {
  Backend backend;
  Gate gate(backend.port());
  for (const std::string_view head : {"Content-Length: 50", "Transfer-Encoding: chunked"}) {
    CAPTURE(head);
    Wire client = gate.connect(true);
    client.send(get_request("/blob", "Connection: close\r\n"));
    {
      Wire peer = backend.accept();
      peer.read_until("\r\n\r\n");
      peer.send("HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n\r\n5\r\nhello\r\n");
      client.read_until("hello");
    }
    CHECK(client.read_to_end().find("0\r\n\r\n") == std::string::npos);
    CHECK_FALSE(client.ended_cleanly());  // no close_notify: the client knows that it was cut
  }
}

TEST_CASE("both directions flow at once: an echoing backend needs no end of the request") {
  Backend backend;
  Gate gate(backend.port());
  Wire client = gate.connect(false);
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  Wire peer = backend.accept();
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.read_until("\r\n\r\n");
  for (const std::string word : {"one", "two", "three"}) {
    client.send(as_chunk(word));
    peer.send(peer.read_until(word + "\r\n"));
    CHECK(client.read_until(word + "\r\n") == as_chunk(word));
  }
}

TEST_CASE("an upload's bytes are on disk while the next are not yet sent, and after the client breaks off") {
  const TemporaryFolder data;
  Gate gate(data);
  Wire control = gate.connect(false);
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    const std::string upload = begin_upload(control);
    const std::string file = upload_folder(data, upload) + "/data";
    {
      Wire client = gate.connect(tls);
      client.send(chunked_patch(upload));
      client.send(as_chunk(pattern()));
      // What has not filled a buffer yet waits for the next bytes.
      CHECK(eventually([&] { return std::filesystem::file_size(file) >= mib / 2; }));
      client.send(as_chunk("and the last words"));
    }
    const std::uint64_t sent = mib + 18;
    CHECK(eventually([&] { return std::filesystem::file_size(file) == sent; }));
    control.send(get_request(upload));
    const Answer status = read_answer(control);
    CHECK(status.status == 204);
    CHECK(status.header("Range") == "0-" + std::to_string(sent - 1));

    control.send("PATCH " + upload + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Range: " +
                 std::to_string(sent) + '-' + std::to_string(sent + 3) + "\r\n\r\nmore");
    CHECK(read_answer(control).status == 202);
    finish_upload(control, upload, digest_of(pattern() + "and the last wordsmore"));
  }
}
