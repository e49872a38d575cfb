// What the backend gets to see of a request: one form of it, without what is not for it and what clients forged.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "integration/framing/bytes.h"
#include "integration/framing/gate.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("what is harmless is normalised: a lone LF ends a line, odd names are dropped, the backend gets one form") {
  Gate gate("proxy_set_header Host $http_host;");
  const auto forwarded = [&](const std::string& bytes) {
    Wire client = Wire::to(gate.port);
    client.send(bytes);
    CHECK(read_answer(client).status == 200);
    return gate.only_one();
  };
  const std::string plain = "GET /x HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
  CHECK(forwarded("GET /x HTTP/1.1\nHost: a\nX: 1\n\n").head == plain);
  CHECK(forwarded("\r\n\r\nGET  /x  HTTP/1.1 \r\nHost:a\r\nX:  1 \r\n\r\n").head == plain);
  CHECK(forwarded("GET /x HTTP/1.1\r\nHost: a\r\nX_Y: 2\r\n@: 3\r\nX: 1\r\n\r\n").head == plain);
  CHECK(forwarded("GET http://a/x HTTP/1.1\r\nHost: b\r\nX: 1\r\n\r\n").head.starts_with("GET /x HTTP/1.1\r\n"));
  CHECK(forwarded("GET /x HTTP/1.0\r\nHost: a\r\nX: 1\r\n\r\n").head == plain);

  const auto chunked =
      forwarded(chunked_post("5;name=value\r\nhello\r\n1\n \n0005\r\nworld\r\n00\r\nTrailer: t\r\n\r\n"));
  CHECK(chunked.body == "hello world");
  CHECK_FALSE(contains(chunked.head, "Trailer"));
  CHECK(contains(chunked.head, "\r\nTransfer-Encoding: chunked\r\n"));
  const auto declared = forwarded("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello");
  CHECK(declared.body == "hello");
  CHECK(contains(declared.head, "\r\nContent-Length: 5\r\n"));
  CHECK(forwarded("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n").body == "x");
}

TEST_CASE("what concerns one connection only is not passed on, nor what a client names in Connection") {
  Gate gate("proxy_set_header Host $http_host;");
  Wire client = Wire::to(gate.port);
  client.send(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nConnection: host,x-other\r\n"
      "X-Other: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X\r\n"
      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nProxy: http://evil\r\nX-Kept: 3\r\n\r\n");
  CHECK(read_answer(client).status == 200);
  CHECK(gate.only_one().head == "GET / HTTP/1.1\r\nHost: a\r\nX-Kept: 3\r\n\r\n");
}

TEST_CASE("no client can forge a header that the configuration sets, in whatever spelling and with whatever switches") {
  const std::string ours =
      "proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Remote-User $remote_user;"
      "proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
  for (const std::string_view switches : {"", "underscores_in_headers on;", "ignore_invalid_headers off;",
                                          "underscores_in_headers on; ignore_invalid_headers off;"}) {
    CAPTURE(switches);
    Gate gate(ours, switches);
    std::string forged;
    for (const std::string name : {"X-Real-IP", "X-Remote-User", "X-Forwarded-Proto"}) {
      std::string other = name;
      std::replace(other.begin(), other.end(), '-', '_');
      std::string mixed = name;
      mixed[1] = '_';
      std::string lower = name;
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](char c) { return static_cast<char>(std::tolower(c)); });
      for (const std::string& spelling : {name, other, mixed, lower}) forged += spelling + ": forged\r\n";
    }
    forged += "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: forged\r\nConnection: X-Real-IP, X-Forwarded-Proto\r\n";
    Wire client = Wire::to(gate.port);
    client.send(get_request("/", forged));
    CHECK(read_answer(client).status == 200);
    const std::string head = gate.only_one().head;
    CAPTURE(head);
    CHECK_FALSE(contains(head, "forged"));
    CHECK(count(head, "X-Real-IP: 127.0.0.1\r\n") == 1);
    CHECK(count(head, "X-Forwarded-Proto: http\r\n") == 1);
    CHECK(count(head, "X-Forwarded-For: 6.6.6.6, 127.0.0.1\r\n") == 1);
    CHECK(count(head, "X-Remote-User") == 0);
  }
}
