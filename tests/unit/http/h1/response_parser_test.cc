#include "http/h1/response_parser.h"

#include <doctest/doctest.h>

namespace {

using namespace caisson::http;
using namespace std::string_view_literals;
using h1::ParsedResponse;
using h1::ResponseParser;
using h1::State;

struct Reading {
  State state = State::NeedMore;
  std::vector<ParsedResponse> heads;
  std::string rest;
  std::string log;
};

Reading read_in_pieces(std::string_view bytes, std::size_t piece_size, bool to_head, std::size_t limit) {
  ResponseParser parser(limit);
  parser.begin(to_head);
  Reading reading;
  while (!bytes.empty()) {
    const std::string piece(bytes.substr(0, piece_size));
    const h1::Progress progress = parser.feed(piece);
    reading.state = progress.state;
    bytes.remove_prefix(progress.consumed);
    if (progress.state == State::Refused) {
      CHECK(parser.refusal().status == 502);
      reading.log = parser.refusal().log;
      break;
    }
    if (progress.state != State::Complete) continue;
    reading.heads.push_back(parser.take());
    if (!reading.heads.back().interim()) break;
  }
  reading.rest = bytes;
  return reading;
}

Reading read(std::string_view bytes, bool to_head = false, std::size_t limit = 4096) {
  Reading whole = read_in_pieces(bytes, bytes.size(), to_head, limit);
  const Reading bytewise = read_in_pieces(bytes, 1, to_head, limit);
  CHECK(whole.state == bytewise.state);
  CHECK(whole.log == bytewise.log);
  REQUIRE(whole.heads.size() == bytewise.heads.size());
  for (std::size_t i = 0; i < whole.heads.size(); ++i) {
    CHECK(whole.heads[i].head.status == bytewise.heads[i].head.status);
    CHECK(whole.heads[i].body == bytewise.heads[i].body);
    CHECK(whole.heads[i].head.headers.size() == bytewise.heads[i].head.headers.size());
  }
  if (whole.state == State::Complete) CHECK(whole.rest == bytewise.rest);
  return whole;
}

ParsedResponse read_one(std::string_view bytes, bool to_head = false) {
  const Reading reading = read(bytes, to_head);
  CAPTURE(reading.log);
  REQUIRE(reading.state == State::Complete);
  REQUIRE(reading.heads.size() == 1);
  return reading.heads.front();
}

TEST_CASE("a response head is taken apart") {
  const Reading reading = read("HTTP/1.1 404 Nothing Here\r\nContent-Length: 3\r\nX_odd(: 1\r\nEmpty:\r\n\r\nabc");
  REQUIRE(reading.heads.size() == 1);
  const ParsedResponse& response = reading.heads.front();
  CHECK(response.head.status == 404);
  CHECK(response.head.reason == "Nothing Here");
  CHECK(response.head.headers.size() == 3);
  CHECK(response.body == BodySize::declared(3));
  CHECK(response.keep_alive);
  CHECK(reading.rest == "abc");
}

TEST_CASE("status lines as nginx reads them") {
  CHECK(read_one("HTTP/1.1 200\r\n\r\n").head.reason.empty());
  CHECK(read_one("HTTP/1.1 200 \n\n").head.status == 200);
  CHECK(read_one("HTTP/1.1  403.1 Forbidden\r\n\r\n").head.status == 403);
  CHECK(read_one("HTTP/1.0 200 OK\r\n\r\n").version == Version::Http10);
  CHECK(read_one("HTTP/1.1 999 x\r\n\r\n").head.status == 999);
  for (const std::string_view line :
       {"SSH-2.0-x"sv, "HTTP/1.1"sv, "HTTP/1.1 "sv, "HTTP/1.1 20"sv, "HTTP/1.1 2000"sv, "HTTP/1.1 200x"sv,
        "HTTP/1.1 -20 x"sv, "HTTP/1.1 099 x"sv, "HTTP/2.0 200 OK"sv, "HTTP/1. 200 OK"sv, "HTTP/0.9 200 OK"sv,
        "http/1.1 200 OK"sv, "HTTP/1.1\t200 OK"sv, " HTTP/1.1 200 OK"sv, ""sv, "HTTP/1.1 200 O\rK"sv,
        "HTTP/1.1 200 O\0K"sv, "HTTP/1.1111 200 OK"sv}) {
    CAPTURE(line);
    CHECK(read(std::string(line) + "\r\n\r\n").state == State::Refused);
  }
}

TEST_CASE("framing follows RFC 9112 section 6.3") {
  const auto body = [](std::string_view status, std::string_view fields, bool to_head = false) {
    return read_one("HTTP/1.1 " + std::string(status) + "\r\n" + std::string(fields) + "\r\n", to_head).body;
  };
  CHECK(body("200 OK", "Content-Length: 5\r\n") == BodySize::declared(5));
  CHECK(body("200 OK", "Transfer-Encoding: chunked\r\n") == BodySize::streamed());
  CHECK(body("200 OK", "") == BodySize::until_close());
  CHECK(body("200 OK", "Content-Length: 5\r\n", true) == BodySize::none());
  CHECK(body("200 OK", "Transfer-Encoding: chunked\r\n", true) == BodySize::none());
  CHECK(body("200 OK", "", true) == BodySize::none());
  CHECK(body("304 Not Modified", "Content-Length: 5\r\n") == BodySize::none());
  CHECK(body("204 No Content", "") == BodySize::none());
  CHECK(body("204 No Content", "Content-Length: 0\r\n") == BodySize::none());
  CHECK(body("101 Switching", "Upgrade: x\r\n") == BodySize::none());
}

TEST_CASE("ambiguous framing is refused") {
  for (const std::string_view fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"sv,
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"sv, "Content-Length: 5\r\nContent-Length: 5\r\n"sv,
        "Content-Length: 5, 5\r\n"sv, "Content-Length: -1\r\n"sv, "Content-Length:\r\n"sv, "Content-Length: +1\r\n"sv,
        "Content-Length: 9223372036854775808\r\n"sv, "Transfer-Encoding: gzip, chunked\r\n"sv,
        "Transfer-Encoding: identity\r\n"sv, "Transfer-Encoding:\r\n"sv,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"sv, "Content-Length : 5\r\n"sv,
        " Content-Length: 5\r\n"sv, "X: 1\r\n Content-Length: 5\r\n"sv, ": 1\r\n"sv, "X: a\0b\r\n"sv,
        "X: a\rb\r\n"sv}) {
    CAPTURE(fields);
    CHECK(read("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n").state == State::Refused);
  }
  CHECK(read("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").state == State::Refused);
  CHECK(read("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n").state == State::Refused);
}

TEST_CASE("a 204 that announces a body has none, and its connection is not used again") {
  const ParsedResponse response = read_one("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(response.body == BodySize::none());
  CHECK_FALSE(response.keep_alive);
}

TEST_CASE("interim heads come one by one, before the final one") {
  const Reading reading = read(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: "
      "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  REQUIRE(reading.heads.size() == 3);
  CHECK(reading.heads[0].head.status == 100);
  CHECK(reading.heads[1].head.headers.has("Link"));
  CHECK(reading.heads[2].head.status == 201);
  CHECK_FALSE(reading.heads[2].head.headers.has("Link"));
  CHECK(reading.rest == "HTTP/1.1 200 OK\r\n\r\n");
}

TEST_CASE("interim heads without end are refused") {
  std::string flood;
  for (int i = 0; i < 100; ++i) flood += "HTTP/1.1 102 Processing\r\n\r\n";
  const Reading reading = read(flood);
  CHECK(reading.state == State::Refused);
  CHECK(reading.heads.size() == 32);
}

TEST_CASE("the connection is kept only when both sides and the framing allow it") {
  const auto keeps = [](std::string_view head) { return read_one(std::string(head) + "\r\n").keep_alive; };
  CHECK(keeps("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: x, close\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1 200 OK\r\n"));
  CHECK_FALSE(keeps("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n"));
  CHECK(keeps("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n"));
  CHECK_FALSE(keeps("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n"));
}

TEST_CASE("the connection's own fields stay with the connection") {
  const ParsedResponse response = read_one(
      "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\nX: "
      "1\r\n\r\n");
  CHECK(response.head.headers.size() == 1);
}

TEST_CASE("a head over the limit is refused, at the limit it is not") {
  const std::string head = "HTTP/1.1 200 OK\r\nX: " + std::string(100, 'a') + "\r\n\r\n";
  CHECK(read(head, false, head.size()).state == State::Complete);
  const Reading reading = read(head, false, head.size() - 1);
  CHECK(reading.state == State::Refused);
  CHECK(reading.log == "upstream sent too big header");
}

TEST_CASE("started says whether the backend has sent anything") {
  ResponseParser parser(4096);
  parser.begin(false);
  CHECK_FALSE(parser.started());
  parser.feed("H");
  CHECK(parser.started());
  parser.begin(false);
  CHECK_FALSE(parser.started());
  CHECK(parser.feed("HTTP/1.1 200 OK\r\n\r\n").state == State::Complete);
}

}  // namespace
