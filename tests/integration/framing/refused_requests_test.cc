// What the binary refuses, because two readers could take it differently.
//
// CAISSON_BINARY=/usr/sbin/nginx runs these tests and those of the limits against nginx: the statuses are its own
// (1.22). Where it takes what we refuse, the row says so.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "integration/framing/bytes.h"
#include "integration/framing/gate.h"
#include "integration/support.h"

using namespace integration;
using namespace std::string_literals;

namespace {

const bool is_nginx = binary().ends_with("nginx");

// A refused message and the status it gets.
struct Refused {
  std::string bytes;
  unsigned status;
  bool nginx_takes_it = false;
};

std::string with(std::string_view fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n"; }
std::string post(std::string_view fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n0\r\n\r\n";
}
std::string with_target(std::string_view target) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}
std::string many(std::size_t lines, std::size_t size) {
  std::string all;
  for (std::size_t i = 0; i < lines; ++i) all += line_of(size - 2, "X-" + std::to_string(i) + ": ") + "\r\n";
  return all;
}

std::vector<Refused> refused_heads() {
  return {
      // two framings, or one that two readers take differently
      {post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), 400},
      {post("Transfer-Encoding: gzip\r\n"), 501},
      {post("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {post("Transfer-Encoding: chunked, chunked\r\n"), 501},
      {post("Transfer-Encoding: xchunked\r\n"), 501},
      {post("Transfer-Encoding: chunked;q=1\r\n"), 501},
      {post("Transfer-Encoding: \"chunked\"\r\n"), 501},
      {post("Transfer-Encoding: \x0b"
            "chunked\r\n"),
       501},
      {post("Transfer-Encoding: \tchunked\r\n"), 501},
      {post("Transfer-Encoding:\r\n"), 501},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
      {post("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
      {post("Content-Length: 5, 5\r\n"), 400},
      {post("Content-Length: +5\r\n"), 400},
      {post("Content-Length: -5\r\n"), 400},
      {post("Content-Length: 0x5\r\n"), 400},
      {post("Content-Length: 5 5\r\n"), 400},
      {post("Content-Length: 5;\r\n"), 400},
      {post("Content-Length:\r\n"), 400},
      {post("Content-Length\r\n"), 400},
      {post("Content-Length: \t5\r\n"), 400},
      {post("Content-Length: 9223372036854775808\r\n"), 400},
      {post("Content-Length: 18446744073709551616\r\n"), 400},
      // header lines
      {with("X : 1\r\n"), 400},
      {with("X\t: 1\r\n"), 400},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {with(": 1\r\n"), 400},
      {with(" : 1\r\n"), 400},
      {with("X: 1\r\n 2\r\n"), 400},
      {with("X: 1\r\n\t2\r\n"), 400},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {with("X: a\rY: b\r\n"), 400},
      {with("X\rY: b\r\n"), 400},
      {with("X:\rb\r\n"), 400},
      {with("X: a\r\r\n"), 400, true},
      {with("\r\r\n"), 400},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {with("X: a\0b\r\n"s), 400},
      {with("X\0Y: b\r\n"s), 400},
      {with("X\x01: b\r\n"), 400},
      {with("X\x7f: b\r\n"), 400},
      {with("HTTP/1.1 200 OK\r\n"), 400},
      // Host
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {with("Host: a\r\n"), 400},
      {with("Host: b\r\n"), 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"GET http://x/ HTTP/1.1\r\nHost: a\r\nHost: x\r\n\r\n", 400},
      // fields that count once
      {with("Authorization: a\r\nAuthorization: b\r\n"), 400},
      {with("If-Range: a\r\nIf-Range: b\r\n"), 400},
      {with("Content-Range: a\r\nContent-Range: b\r\n"), 400},
      {with("Expect: a\r\nExpect: b\r\n"), 400},
      // the request line
      {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {with_target("/a b"), 400},
      {with_target("/a\0b"s), 400},
      {with_target("/a\x01"), 400},
      {with_target("/a\x7f"), 400},
      {with_target("/%00"), 400},
      {with_target("/%"), 400},
      {with_target("/%zz"), 400},
      {with_target("/../a"), 400},
      {with_target("*"), 400},
      {with_target("a"), 400},
      {with_target("http://user@host/"), 400},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
      {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      // too large: nginx's four buffers of 8 KiB
      {with_target(line_of(8200, "/")), 414},
      {with_target(line_of(65536, "/")), 414},
      {with(line_of(8193, "X: ") + "\r\n"), 400},
      {with(line_of(65536, "X: ") + "\r\n"), 400},
      {with(line_of(65536, "X") + ": 1\r\n"), 400},
      {with(many(6, 8000)), 400},
      {with(many(10'000, 16)), 400},
  };
}

std::vector<std::string> refused_chunks() {
  return {
      "-1\r\nx\r\n0\r\n\r\n",
      "+1\r\nx\r\n0\r\n\r\n",
      "0x1\r\nx\r\n0\r\n\r\n",
      " 1\r\nx\r\n0\r\n\r\n",
      "g\r\n",
      "\r\n",
      ";x\r\n",
      "1,\r\nx\r\n0\r\n\r\n",
      "8000000000000000\r\nx",
      "ffffffffffffffff\r\nx",
      "fffffffffffffffff\r\nx",
      "10000000000000001\r\nx\r\n0\r\n\r\n",
      "1\rx\r\n0\r\n\r\n",
      "1\r\nxy\r\n0\r\n\r\n",
      "1\r\nx0\r\n\r\n",
      "1\r\nx\rz0\r\n\r\n",
      "0\r\nX: 1\rY: 2\r\n\r\n",
      "0\r\n\rX",
      "1;" + std::string(1024UL * 1024, 'e') + "\r\nx\r\n0\r\n\r\n",
      "0\r\n" + many(1000, 1000) + "\r\n",
  };
}

}  // namespace

TEST_CASE(
    "a head that two readers could take differently is refused once, the connection closes, no backend hears of it") {
  Gate gate;
  for (const Refused& row : refused_heads()) {
    CAPTURE(row.bytes.substr(0, 200));
    if (is_nginx && row.nginx_takes_it) continue;
    const std::string said = gate.say(row.bytes + smuggled);
    CHECK(said.substr(0, 12) == "HTTP/1.1 " + std::to_string(row.status));
    CHECK(count(said, "HTTP/1.1 ") == 1);
    CHECK(contains(said, "\r\nConnection: close\r\n"));
    CHECK(gate.backend.connections() == 0);
  }
  CHECK(gate.seen().empty());
}

TEST_CASE("a body that breaks the chunk grammar never becomes a whole request, nor does what follows it") {
  Gate gate;
  for (const std::string& chunks : refused_chunks()) {
    CAPTURE(chunks.substr(0, 60));
    const std::string said = gate.say(chunked_post(chunks) + smuggled);
    CHECK(count(said, "HTTP/1.1 ") <= 1);
    CHECK((said.empty() || said.starts_with("HTTP/1.1 400 ")));
    CHECK(gate.seen().empty());
  }
}
