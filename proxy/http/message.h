// The heads of requests and responses, as every layer above the wire sees them, whatever the protocol version was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/headers.h"
#include "http/target.h"

namespace caisson::http {

enum class Version : std::uint8_t { Http09, Http10, Http11, Http2 };

// How many bytes of body follow a head.
struct BodySize {
  enum class Kind : std::uint8_t {
    None,        // no body
    Declared,    // `bytes` of them (content-length)
    Streamed,    // as many as come, with a marked end (chunked)
    UntilClose,  // as many as come before the connection closes; responses only
  };
  Kind kind = Kind::None;
  std::uint64_t bytes = 0;

  static constexpr BodySize none() noexcept { return {}; }
  static constexpr BodySize declared(std::uint64_t n) noexcept { return {Kind::Declared, n}; }
  static constexpr BodySize streamed() noexcept { return {Kind::Streamed, 0}; }
  static constexpr BodySize until_close() noexcept { return {Kind::UntilClose, 0}; }
  bool operator==(const BodySize&) const = default;
};

struct RequestHead {
  std::string method;  // as sent; upper case
  RequestTarget target;
  Version version = Version::Http11;
  Headers headers;  // validated; without framing fields that contradict `body`
  BodySize body;
  std::vector<std::string> ignored;  // names of fields that were dropped as invalid, fit for a log
  std::string line;                  // the request line as it came, for logs ($request)
};

struct ResponseHead {
  unsigned status = 200;
  Headers headers;     // "Content-Length", when present, is the size of the body
  std::string reason;  // empty: the standard phrase
};

// What is to be answered when nothing is streamed: a refusal, a redirect, a small document. The gateway runs it through
// error_page and the response stages and gives it a page when it has no body of its own.
struct Answer {
  unsigned status = 200;
  Headers headers;
  std::optional<std::string> body;  // nothing: the standard page of the status, if it has one
};

// nginx's reason phrase ("Not Found"), or "" for a status that has none.
std::string_view reason_phrase(unsigned status) noexcept;

// What the client is told of a status: nginx's own 494 to 497 (too large a header, client certificates, plain HTTP on a
// TLS port) select error pages and go out as 400; every other status is itself.
unsigned status_on_wire(unsigned status) noexcept;

// Whether nginx closes the connection instead of answering: 444, and 408 and 499, for which nobody listens any more.
bool closes_without_answer(unsigned status) noexcept;

// nginx's built-in page of an error status (from 300 on) with "caisson" or "caisson/VERSION" at its foot, or nothing
// for a status that has no page. ngx_http_special_response.c
std::optional<std::string> error_page_body(unsigned status, std::string_view server);

}  // namespace caisson::http
