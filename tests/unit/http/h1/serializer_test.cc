#include "http/h1/serializer.h"

#include <doctest/doctest.h>

namespace {

using namespace caisson;
using namespace caisson::http;
using namespace std::chrono_literals;
using h1::ResponseContext;
using h1::ResponseFraming;

struct Written {
  std::string text;
  ResponseFraming framing;
};

Written write(const ResponseHead& head, const ResponseContext& context = {}) {
  Written written;
  written.framing = h1::append_response_head(written.text, head, context);
  return written;
}

TEST_CASE("a response head is in nginx's order") {
  const ResponseHead head{
      .status = 404, .headers = {{"Server", "caisson"}, {"Content-Length", "3"}, {"X", "1"}, {"Y", ""}}, .reason = {}};
  const Written written = write(head);
  CHECK(written.text ==
        "HTTP/1.1 404 Not Found\r\nServer: caisson\r\nContent-Length: 3\r\nConnection: keep-alive\r\nX: 1\r\nY: "
        "\r\n\r\n");
  CHECK(written.framing.body == BodySize::declared(3));
  CHECK(written.framing.keep_alive);
}

TEST_CASE("without a length the body is chunked, or the connection ends it") {
  const ResponseHead head{.status = 200, .headers = {{"Server", "c"}}, .reason = {}};
  CHECK(write(head).text ==
        "HTTP/1.1 200 OK\r\nServer: c\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
  CHECK(write(head).framing.body == BodySize::streamed());
  for (const ResponseContext& context : {ResponseContext{.version = Version::Http10, .keep_alive_header = {}},
                                         ResponseContext{.chunked_allowed = false, .keep_alive_header = {}}}) {
    const Written written = write(head, context);
    CHECK(written.text == "HTTP/1.1 200 OK\r\nServer: c\r\nConnection: close\r\n\r\n");
    CHECK(written.framing.body == BodySize::until_close());
    CHECK_FALSE(written.framing.keep_alive);
  }
}

TEST_CASE("a malformed or repeated length is not sent twice") {
  CHECK(write({.status = 200, .headers = {{"Content-Length", "3x"}}, .reason = {}}).framing.body ==
        BodySize::streamed());
  const Written written =
      write({.status = 200, .headers = {{"Content-Length", "3"}, {"content-length", "4"}}, .reason = {}});
  CHECK(written.framing.body == BodySize::declared(3));
  CHECK(written.text.find("ontent-") == written.text.rfind("ontent-"));
}

TEST_CASE("responses without a body have no framing of one") {
  CHECK(write({.status = 204, .headers = {{"Content-Length", "0"}}, .reason = {}}).text ==
        "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
  const Written head = write({.status = 200, .headers = {{"Content-Length", "7"}}, .reason = {}},
                             {.to_head = true, .keep_alive_header = {}});
  CHECK(head.framing.body == BodySize::none());
  CHECK(head.text.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(write({.status = 200, .headers = {}, .reason = {}}, {.to_head = true, .keep_alive_header = {}})
            .framing.keep_alive);
  CHECK(write({.status = 304, .headers = {}, .reason = {}}).framing.body == BodySize::none());
}

TEST_CASE("interim heads and upgrades") {
  CHECK(write({.status = 100, .headers = {}, .reason = {}}).text == "HTTP/1.1 100 Continue\r\n\r\n");
  const Written switched =
      write({.status = 101, .headers = {{"Upgrade", "websocket"}, {"Connection", "x"}}, .reason = {}});
  CHECK(switched.text == "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(switched.framing.body == BodySize::until_close());
  CHECK_FALSE(switched.framing.keep_alive);
}

TEST_CASE("the connection's fields are not the head's to choose") {
  const Written written = write({.status = 200,
                                 .headers = {{"Connection", "close"},
                                             {"transfer-encoding", "chunked"},
                                             {"Keep-Alive", "x"},
                                             {"Upgrade", "h2c"},
                                             {"Trailer", "x"},
                                             {"Content-Length", "0"}},
                                 .reason = {}},
                                {.keep_alive_header = 5s});
  CHECK(written.text ==
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n");
}

TEST_CASE("an unknown status goes out without a phrase, a backend's phrase as it is") {
  const ResponseContext head_only{.to_head = true, .keep_alive_header = {}};
  CHECK(write({.status = 498, .headers = {}, .reason = {}}, head_only).text.starts_with("HTTP/1.1 498 \r\n"));
  CHECK(write({.status = 200, .headers = {}, .reason = "Fine"}, head_only).text.starts_with("HTTP/1.1 200 Fine\r\n"));
}

TEST_CASE("HTTP/0.9 gets no head") {
  const Written written = write({.status = 200, .headers = {{"Content-Length", "3"}}, .reason = {}},
                                {.version = Version::Http09, .keep_alive_header = {}});
  CHECK(written.text.empty());
  CHECK(written.framing.body == BodySize::until_close());
  CHECK_FALSE(written.framing.keep_alive);
}

TEST_CASE("no value splits a response") {
  using namespace std::string_literals;
  const ResponseHead head{.status = 302,
                          .headers = {{"Location", "/a\r\nSet-Cookie: x"},
                                      {"A", "a\nb"},
                                      {"B", "a\rb"},
                                      {"C", "a\0b"s},
                                      {"D\r\nE", "1"},
                                      {"F:", "1"},
                                      {"", "1"},
                                      {" G", "1"},
                                      {"Good", "1"}},
                          .reason = "x\r\nEvil: 1"};
  const Written written = write(head);
  CHECK(written.text ==
        "HTTP/1.1 302 Moved Temporarily\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nGood: 1\r\n\r\n");
  CHECK(written.framing.fields_left_out == 8);
}

TEST_CASE("hop-by-hop fields do not go on to a backend") {
  const Headers fields{{"Host", "h"},
                       {"Connection", "close, X-Hop, host"},
                       {"X-Hop", "1"},
                       {"Keep-Alive", "5"},
                       {"TE", "trailers"},
                       {"Trailer", "x"},
                       {"Upgrade", "h2c"},
                       {"HTTP2-Settings", "x"},
                       {"Proxy-Connection", "x"},
                       {"Proxy", "evil"},
                       {"Expect", "100-continue"},
                       {"Content-Length", "3"},
                       {"Accept", "*/*"},
                       {"Transfer-Encoding", "chunked"},
                       {"connection", "X-Other"},
                       {"x-other", "1"},
                       {"Authorization", "Basic x"}};
  const Headers kept = h1::forwardable(fields);
  REQUIRE(kept.size() == 3);
  CHECK(kept.has("Host"));
  CHECK(kept.has("Accept"));
  CHECK(kept.has("Authorization"));
}

std::string request(std::string_view method, std::string_view target, Version version, const Headers& fields,
                    BodySize body) {
  std::string out;
  const Result<void> result = h1::append_request_head(out, {method, target, version, fields, body});
  return result.ok() ? out : "refused" + out;
}

TEST_CASE("a request head is written from its parts, with one framing") {
  const Headers fields{{"Host", "h"}, {"Connection", "close"}, {"Content-Length", "9"}, {"Transfer-Encoding", "x"}};
  CHECK(request("PUT", "/a?b", Version::Http11, fields, BodySize::declared(3)) ==
        "PUT /a?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
  CHECK(request("GET", "/", Version::Http10, {}, BodySize::none()) == "GET / HTTP/1.0\r\n\r\n");
  CHECK(request("PUT", "/", Version::Http10, {}, BodySize::streamed()) ==
        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST_CASE("a request line cannot be split") {
  for (const std::string_view target : {"/a b", "/a\r\nX: 1", "/a\nb", "/a\tb", "", "a", "http://x/", "/a\x7f"}) {
    CAPTURE(target);
    CHECK(request("GET", target, Version::Http11, {}, BodySize::none()) == "refused");
  }
  for (const std::string_view method : {"", "GET /x", "G\r\nX", "G:"}) {
    CHECK(request(method, "/", Version::Http11, {}, BodySize::none()) == "refused");
  }
  CHECK(request("GET", "/", Version::Http11, {{"A", "x\r\nB: 1"}}, BodySize::none()) == "GET / HTTP/1.1\r\n\r\n");
}

}  // namespace
