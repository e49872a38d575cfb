// Heads and chunk framing as bytes for the wire, always from the parsed form, never copied from another connection.
// Whatever fields it is given, no head comes out with a second header line, a second head or a second framing in it: a
// field whose name is not a token or whose value has CR, LF or NUL is left out.
//
// Ownership: appends to the caller's string. Threading: none of its own.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace caisson::http::h1 {

// What decides how a response is framed, besides its head.
struct ResponseContext {
  Version version = Version::Http11;                      // the request's
  bool to_head = false;                                   // the request's method was HEAD
  bool keep_alive = true;                                 // client and server would both keep the connection
  bool chunked_allowed = true;                            // chunked_transfer_encoding
  std::optional<std::chrono::seconds> keep_alive_header;  // "Keep-Alive: timeout=N" (keepalive_timeout's second number)
};

struct ResponseFraming {
  // How the body must be written: None (write nothing), Declared (exactly so many bytes), Streamed (in chunks, then
  // last_chunk), UntilClose (plain, then close).
  BodySize body;
  bool keep_alive = false;       // what the client was told
  unsigned fields_left_out = 0;  // unfit for a head: worth a line in the log
};

// Appends status line, fields and the empty line. Content-Length comes from the head; Connection, Keep-Alive,
// Transfer-Encoding, Trailer and (but for a 101) Upgrade are decided here, and such fields of the head are ignored. To
// an HTTP/0.9 request nothing is appended. An interim head (1xx) has no connection fields.
ResponseFraming append_response_head(std::string& out, const ResponseHead& head, const ResponseContext& context);

// The fields of a request that may go on to a backend: without hop-by-hop fields (RFC 9110 section 7.6.1: Connection
// and what it names, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, HTTP2-Settings, Proxy-Connection), without
// Content-Length and Expect, which the client of the backend makes itself, and without "Proxy" (CVE-2016-5385).
Headers forwardable(const Headers& fields);

// A request head for a backend. The caller gives all fields (Host, Connection, those of proxy_set_header ...), but
// Content-Length and Transfer-Encoding come from `body` only. A streamed body is sent in chunks and makes the version
// HTTP/1.1, whatever was asked for.
struct BackendRequest {
  std::string_view method;
  std::string_view target;  // origin form, escaped
  Version version = Version::Http11;
  const Headers& fields;
  BodySize body;
};

// BadRequest when method or target would break the request line, and nothing is appended. Fields that are unfit are
// left out, as in responses.
Result<void> append_request_head(std::string& out, const BackendRequest& request);

// Before the data of one chunk: "1f4\r\n". REQUIRES: size > 0 (an empty chunk would end the body).
class ChunkHead {
 public:
  explicit ChunkHead(std::uint64_t size) noexcept;
  std::string_view view() const noexcept { return {text_.data(), length_}; }

 private:
  std::array<char, 18> text_;
  std::size_t length_;
};
// After the data of one chunk.
inline constexpr std::string_view chunk_end = "\r\n";
// After all chunks.
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace caisson::http::h1
