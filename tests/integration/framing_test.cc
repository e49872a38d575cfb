// Where a message ends, both sides must agree: what the binary refuses, what it normalises, and what it passes on.
//
// CAISSON_BINARY=/usr/sbin/nginx runs the table of refused heads and the limits against nginx: the statuses are its own
// (1.22). Where it takes what we refuse, the row says so.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <future>
#include <thread>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;
using namespace std::string_literals;

namespace {

const bool is_nginx = binary().ends_with("nginx");

// What a server would take for a request if it lost count.
const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

bool contains(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

// A gate before a backend that remembers.
struct Gate {
  explicit Gate(std::string_view more = "", std::string_view in_server = "")
      : server("", proxying(port, backend.port(), more, in_server)) {
    server.folder().write("users", "user:{PLAIN}password\n");
    server.start();
  }

  // Everything that the server says to these bytes, until it closes.
  std::string say(std::string_view bytes) const {
    Wire client = Wire::to(port);
    try {
      client.send(bytes);
    } catch (const std::runtime_error&) {  // it did not want to hear all of it
    }
    return client.read_to_end();
  }
  // What reached the backend before this: a request that is sent now comes after all of it.
  std::vector<RecordingBackend::Request> seen() {
    REQUIRE(ask(port, get_request("/canary", "Connection: close\r\n")).status == 200);
    auto requests = backend.take();
    REQUIRE_FALSE(requests.empty());
    REQUIRE(requests.back().head.starts_with("GET /canary "));
    requests.pop_back();
    return requests;
  }
  // The one request that came.
  RecordingBackend::Request only_one() {
    auto requests = seen();
    REQUIRE(requests.size() == 1);
    return requests.front();
  }

  std::uint16_t port = free_port();
  RecordingBackend backend;
  Server server;
};

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
std::string line_of(std::size_t size, std::string_view start) {
  return std::string(start) + std::string(size - start.size(), 'x');
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

std::string chunked_post(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
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

TEST_CASE("sizes around the limits: what nginx takes is taken, one byte more is not") {
  Gate gate;
  // In nginx a line and its end must fit into a buffer of 8 KiB.
  const auto status = [&](const std::string& bytes) { return gate.say(bytes).substr(9, 3); };
  const auto target_in_line_of = [](std::size_t size) {
    const std::string rest = "GET  HTTP/1.1\r\n";
    return "GET " + line_of(size - rest.size(), "/") + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  };
  CHECK(status(target_in_line_of(8192)) == "200");
  CHECK(status(target_in_line_of(8193)) == "414");
  const auto field_line_of = [](std::size_t size) {
    return "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + line_of(size - 2, "X: ") + "\r\n\r\n";
  };
  CHECK(status(field_line_of(8192)) == "200");
  CHECK(status(field_line_of(8193)) == "400");
  for (const std::size_t size : {255, 256, 257}) {
    CAPTURE(size);
    gate.backend.take();
    const std::string name = line_of(size, "X");
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + name + ": v\r\n\r\n") == "200");
    CHECK(contains(gate.only_one().head, "\r\n" + name + ": v\r\n"));
  }
}

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

namespace {

const std::string_view closed = "auth_basic \"closed\"; auth_basic_user_file users;";

}  // namespace

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
namespace {

// A gate before a backend that the test plays.
struct Stage {
  explicit Stage(std::string_view more = "") : server("", proxying(port, backend.port(), more)) { server.start(); }

  // The backend's side of a request, up to the end of its head.
  Wire called() {
    Wire peer = backend.accept();
    request = peer.read_until("\r\n\r\n");
    return peer;
  }
  // What the client gets when a fresh connection of the backend says this and closes.
  std::string relayed(std::string_view response, std::string_view head = "GET / HTTP/1.1\r\nHost: a\r\n") {
    Wire client = Wire::to(port);
    client.send(std::string(head) + "Connection: close\r\n\r\n");
    {
      Wire peer = called();
      peer.send(response);
    }
    std::string got = client.read_to_end();
    clean = client.ended_cleanly();
    return got;
  }
  std::string body_of(std::string_view response) {
    const std::string all = relayed(response);
    const std::size_t end = all.find("\r\n\r\n");
    return end == std::string::npos ? all : all.substr(end + 4);
  }

  std::uint16_t port = free_port();
  Backend backend;
  Server server;
  std::string request;
  bool clean = false;
};

}  // namespace

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

TEST_CASE("a client that leaves takes its request from the backend") {
  Stage stage;
  Wire peer = [&] {
    Wire client = Wire::to(stage.port);
    client.send(get_request("/"));
    return stage.called();
  }();
  CHECK(peer.read_to_end() == "");
}

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
