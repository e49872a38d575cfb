#include "http/h1/request_parser.h"

#include <doctest/doctest.h>

#include <random>

#include "nginx_answers.h"

namespace {

using namespace caisson;
using namespace caisson::http;
using namespace std::string_view_literals;
using h1::RequestOptions;
using h1::RequestParser;
using h1::State;

// Everything that a parser says of some bytes, to compare one way of feeding them with another.
struct Reading {
  State state = State::NeedMore;
  std::size_t consumed = 0;
  RequestHead head;
  h1::Refusal refusal;
  std::size_t ignored = 0;

  unsigned status() const {
    if (state == State::Refused) return refusal.status;
    if (state == State::NeedMore) return 0;
    return head.version == Version::Http09 ? 9 : 200;
  }
};

template <class NextSize>
Reading read_in_pieces(std::string_view bytes, const RequestOptions& options, NextSize next_size) {
  RequestParser parser(options);
  Reading reading;
  while (!bytes.empty() && reading.state == State::NeedMore) {
    // A copy of its own for each piece: a parser that keeps a view into an old one is caught by ASan.
    const std::string piece(bytes.substr(0, next_size()));
    const h1::Progress progress = parser.feed(piece);
    if (progress.state == State::NeedMore) REQUIRE(progress.consumed == piece.size());
    reading.state = progress.state;
    reading.consumed += progress.consumed;
    bytes.remove_prefix(progress.consumed);
  }
  if (reading.state == State::Refused) reading.refusal = parser.refusal();
  reading.ignored = parser.ignored_names().size();
  if (reading.state != State::NeedMore) reading.head = parser.take_head();
  return reading;
}

Reading read(std::string_view bytes, const RequestOptions& options = {}) {
  return read_in_pieces(bytes, options, [&] { return bytes.size(); });
}

void check_same(const Reading& a, const Reading& b) {
  REQUIRE(a.state == b.state);
  CHECK(a.refusal.status == b.refusal.status);
  CHECK(a.refusal.log == b.refusal.log);
  if (a.state == State::Complete) CHECK(a.consumed == b.consumed);
  CHECK(a.ignored == b.ignored);
  CHECK(a.head.method == b.head.method);
  CHECK(a.head.target.path == b.head.target.path);
  CHECK(a.head.version == b.head.version);
  CHECK(a.head.body == b.head.body);
  REQUIRE(a.head.headers.size() == b.head.headers.size());
  for (auto x = a.head.headers.begin(), y = b.head.headers.begin(); x != a.head.headers.end(); ++x, ++y) {
    CHECK(x->name == y->name);
    CHECK(x->value == y->value);
  }
}

void check_pieces(std::string_view bytes, const RequestOptions& options = {}) {
  const Reading whole = read(bytes, options);
  check_same(whole, read_in_pieces(bytes, options, [] { return 1; }));
  std::mt19937 random(7);
  check_same(whole, read_in_pieces(bytes, options, [&] { return 1 + random() % 9; }));
}

std::string get(std::string_view fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n"; }

TEST_CASE("what nginx accepts is accepted") {
  for (const test::NginxAnswer& row : test::accepted_by_nginx) {
    CAPTURE(row.bytes);
    const Reading reading = read(row.bytes);
    CAPTURE(reading.refusal.log);
    CHECK(reading.status() == row.status);
    check_pieces(row.bytes);
  }
}

TEST_CASE("what nginx refuses is refused with its status") {
  for (const test::NginxAnswer& row : test::refused_by_nginx) {
    CAPTURE(row.bytes);
    const Reading reading = read(row.bytes);
    CHECK(reading.status() == row.status);
    CHECK_FALSE(reading.refusal.log.empty());
    check_pieces(row.bytes);
  }
}

TEST_CASE("a CR that no LF follows is refused, where nginx would take several of them for one") {
  CHECK(read(get("X: a\r\r\n")).status() == 400);
  CHECK(read(get("X: a\r\r\r\n")).status() == 400);
  CHECK(read(get("X\r\r\n")).status() == 400);
}

TEST_CASE("a head is taken apart") {
  const std::string bytes =
      "PATCH http://Registry.example:5043/v2/a%20b/?n=1 HTTP/1.1\r\nHost: other\r\nX-Empty:\r\n"
      "Content-Length: 5\r\nAccept:  a , b  \r\n\r\nbody!";
  const Reading reading = read(bytes);
  REQUIRE(reading.state == State::Complete);
  CHECK(bytes.substr(reading.consumed) == "body!");
  CHECK(reading.head.method == "PATCH");
  CHECK(reading.head.target.host == "Registry.example:5043");
  CHECK(reading.head.target.path == "/v2/a b/");
  CHECK(reading.head.target.raw == "/v2/a%20b/?n=1");
  CHECK(reading.head.target.args == "n=1");
  CHECK(reading.head.version == Version::Http11);
  CHECK(reading.head.line == "PATCH http://Registry.example:5043/v2/a%20b/?n=1 HTTP/1.1");
  CHECK(reading.head.body == BodySize::declared(5));
  CHECK(*reading.head.headers.find("x-empty") == "");
  CHECK(*reading.head.headers.find("accept") == "a , b");
}

TEST_CASE("framing: none, declared, chunked") {
  CHECK(read(get("")).head.body == BodySize::none());
  CHECK(read(get("Content-Length: 0\r\n")).head.body == BodySize::declared(0));
  CHECK(read(get("Content-Length: 9223372036854775807\r\n")).head.body == BodySize::declared(INT64_MAX));
  CHECK(read(get("Transfer-Encoding: Chunked\r\n")).head.body == BodySize::streamed());
}

TEST_CASE("a pipelined request begins where the one before ended") {
  const std::string two = get("") + "PUT /b HTTP/1.0\r\n\r\n";
  RequestParser parser({});
  const h1::Progress first = parser.feed(two);
  REQUIRE(first.state == State::Complete);
  CHECK(parser.take_head().method == "GET");
  parser.reset();
  CHECK_FALSE(parser.started());
  const h1::Progress second = parser.feed(std::string_view(two).substr(first.consumed));
  REQUIRE(second.state == State::Complete);
  const RequestHead head = parser.take_head();
  CHECK(head.method == "PUT");
  CHECK(head.version == Version::Http10);
  CHECK(first.consumed + second.consumed == two.size());
}

TEST_CASE("empty lines before a request do not begin one, and are bounded") {
  RequestParser parser({});
  CHECK(parser.feed("\r\n\n\r").state == State::NeedMore);
  CHECK_FALSE(parser.started());
  CHECK(parser.feed("G").state == State::NeedMore);
  CHECK(parser.started());
  CHECK(parser.reading_line());
  CHECK(read(std::string(1024, '\n') + get("")).status() == 200);
  CHECK(read(std::string(1025, '\n') + get("")).status() == 400);
  check_pieces(std::string(1025, '\n') + get(""));
}

TEST_CASE("what cannot be a method is refused at its first byte") {
  CHECK(read("\x16").status() == 400);
  CHECK(read("GET\t").status() == 400);
  CHECK(read(" ").status() == 400);
  CHECK(read("GE").status() == 0);
}

TEST_CASE("the request line has the limit of one large buffer") {
  // "GET /" + path + " HTTP/1.1\r\n"
  const auto line = [](std::size_t length) {
    return "GET /" + std::string(length - 16, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(read(line(8192)).status() == 200);
  CHECK(read(line(8193)).status() == 414);
  CHECK(read(std::string(9000, 'A')).status() == 414);
  CHECK(read("GET /" + std::string(8186, 'a')).status() == 0);
  CHECK(read("GET /" + std::string(8187, 'a')).status() == 414);
  check_pieces(line(8192));
  check_pieces(line(8193));
  CHECK(read(line(8193)).head.line.starts_with("GET /aaaa"));
  CHECK(read(line(9000), {.large_client_header_buffer_size = 16384}).status() == 200);
  CHECK(read(line(9000), {.client_header_buffer_size = 16384}).status() == 200);
}

TEST_CASE("a header line has the limit of one large buffer") {
  const auto head = [](std::size_t length) { return get("X: " + std::string(length - 5, 'a') + "\r\n"); };
  CHECK(read(head(8192)).status() == 200);
  CHECK(read(head(8193)).status() == 494);
  CHECK(read(get(std::string(9000, 'X') + ": 1\r\n")).status() == 494);
  check_pieces(head(8192));
  check_pieces(head(8193));
  const std::string log = read(head(8193)).refusal.log;
  CHECK(log == "client sent too long header line: \"X: ...\"");
}

TEST_CASE("all headers have the limit of all buffers") {
  const auto head = [](unsigned lines) {
    std::string fields;
    for (unsigned i = 0; i < lines; ++i) fields += "X: " + std::string(4000, 'a') + "\r\n";
    return get(fields);
  };
  // As nginx: two of these lines fill a large buffer, and the first one does not fit into the small one.
  CHECK(read(head(8)).status() == 200);
  CHECK(read(head(9)).status() == 494);
  check_pieces(head(8));
  check_pieces(head(9));
}

TEST_CASE("the number of headers has a limit") {
  const auto head = [](unsigned lines) {
    std::string fields;
    for (unsigned i = 1; i < lines; ++i) fields += "X: 1\r\n";
    return get(fields);
  };
  CHECK(read(head(1000)).status() == 200);
  CHECK(read(head(1001)).status() == 494);
  CHECK(read(head(10000)).status() == 494);
  CHECK(read(head(5), {.max_headers = 4}).status() == 494);
}

TEST_CASE("invalid names are dropped, or kept when they are not to be ignored") {
  const std::string bytes = get("X_Y: 1\r\nA(B: 2\r\nGood: 3\r\n");
  const Reading dropped = read(bytes);
  CHECK(dropped.ignored == 2);
  CHECK(dropped.head.headers.size() == 2);
  CHECK(read(bytes, {.underscores_in_headers = true}).head.headers.size() == 3);
  CHECK(read(bytes, {.ignore_invalid_headers = false}).head.headers.size() == 4);
}

TEST_CASE("a dropped name does not frame the message") {
  CHECK(read(get("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n")).head.body == BodySize::declared(3));
}

TEST_CASE("no header value reaches the log") {
  for (const std::string_view fields : {"Authorization: Basic c2VjcmV0\r\nAuthorization: Basic c2VjcmV0\r\n"sv,
                                        "Authorization: c2VjcmV0\0\r\n"sv, "Cookie: c2VjcmV0\rx\r\n"sv}) {
    const Reading reading = read(get(fields));
    CHECK(reading.status() == 400);
    CHECK(reading.refusal.log.find("c2VjcmV0") == std::string::npos);
  }
}

TEST_CASE("the log text says where a header line went wrong, without raw controls") {
  CHECK(read(get("X : 1\r\n")).refusal.log == "client sent invalid header line: \"X\\x20...\"");
  CHECK(read(get(": 1\r\n")).refusal.log == "client sent invalid header line: \"\\x3a...\"");
  CHECK(read(get("X\x01y: 1\r\n")).refusal.log == "client sent invalid header line: \"X\\x01...\"");
  CHECK(read(get("X: a\rb\r\n")).refusal.log == "client sent invalid header line: \"X: ...\"");
}

TEST_CASE("an HTTP/0.9 refusal is known as one") {
  const Reading reading = read("POST /\r\n");
  CHECK(reading.status() == 400);
  CHECK(reading.head.version == Version::Http09);
}

TEST_CASE("who keeps the connection, and who waits for 100") {
  CHECK(h1::client_keeps_alive(read(get("")).head));
  CHECK_FALSE(h1::client_keeps_alive(read(get("Connection: X, Close\r\n")).head));
  CHECK_FALSE(h1::client_keeps_alive(read("GET / HTTP/1.0\r\n\r\n").head));
  CHECK(h1::client_keeps_alive(read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head));
  CHECK_FALSE(h1::client_keeps_alive(read("GET /\r\n").head));
  CHECK(h1::expects_continue(read(get("Expect: 100-Continue\r\n")).head));
  CHECK_FALSE(h1::expects_continue(read(get("Expect: other\r\n")).head));
  CHECK_FALSE(h1::expects_continue(read("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").head));
}

TEST_CASE("all 256 bytes in every place of a request line and a header line") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const std::string c(1, static_cast<char>(byte));
    const bool upper = byte >= 'A' && byte <= 'Z';
    const bool method = upper || byte == '_' || byte == '-';
    const bool line_end = byte == '\n';
    CHECK((read("G" + c + "T / HTTP/1.1\r\nHost: a\r\n\r\n").status() == 200) == method);
    const bool target = byte > 0x20 && byte != 0x7f && byte != '%';
    CHECK((read("GET /x" + c + "y HTTP/1.1\r\nHost: a\r\n\r\n").status() == 200) == target);
    CHECK((read("GET / HTTP/1" + c + "1\r\nHost: a\r\n\r\n").status() == 200) == (byte == '.'));
    const bool value = byte != 0 && byte != '\r';
    CHECK((read(get("X: a" + c + "b\r\n")).status() == 200) == value);
    const bool name = byte > 0x20 && byte != 0x7f;
    CHECK((read(get("X" + c + "Y: b\r\n")).status() == 200) == (name || line_end));
  }
}

}  // namespace

TEST_CASE("a password in the request line never reaches the line that logs show") {
  for (const std::string_view sent :
       {"GET http://user:hunter2@host/x HTTP/1.1\r\n\r\n", "GET http://user:hunter2@host HTTP/1.1\r\n\r\n",
        "GET http://user:hun@ter2@host/ HTTP/1.1\r\n\r\n"}) {
    RequestParser parser{RequestOptions{}};
    CHECK(parser.feed(sent).state == State::Refused);
    const std::string line = parser.take_head().line;
    CHECK(line.starts_with("GET http://host"));
    CHECK(line.find("ter2") == std::string::npos);
  }
  RequestParser parser{RequestOptions{}};
  CHECK(parser.feed("GET /a://b@c HTTP/1.1\r\nHost: x\r\n\r\n").state == State::Complete);
  CHECK(parser.take_head().line == "GET /a://b@c HTTP/1.1");
}
