// The head of a backend's HTTP/1 response, with the same strictness as for requests: a backend may be as hostile, or
// as broken, as a client. Interim responses (1xx) come out as heads of their own, the final one after them.
//
// Ownership: owns what it keeps of an unfinished head. Threading: none of its own. Errors: State::Refused; the client
// gets 502 (refusal().status) and the connection to the backend must be closed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/h1/lines.h"
#include "http/message.h"

namespace caisson::http::h1 {

struct ParsedResponse {
  ResponseHead head;  // all fields but Transfer-Encoding, Connection, Keep-Alive; Content-Length is valid
  BodySize body;      // what follows on the wire (RFC 9112 section 6.3)
  Version version = Version::Http11;
  bool keep_alive = false;  // the connection may be used again once the body was read to its end

  bool interim() const noexcept { return head.status < 200 && head.status != 101; }
};

class ResponseParser {
 public:
  // `head_limit`: bytes of one head, status line included (proxy_buffer_size).
  explicit ResponseParser(std::size_t head_limit) : head_limit_(head_limit) {}

  // Ready for the response to a new request. `to_head`: the request's method was HEAD.
  void begin(bool to_head);

  // Takes bytes until a head is whole. After a Complete whose head was interim(), go on with feed() and the rest.
  // REQUIRES: begin(); no Refused, and no final head, since.
  Progress feed(std::string_view bytes);

  // Whether a byte of a response has come since begin() (a pooled connection that ends before is merely stale).
  bool started() const noexcept { return started_; }

  // After Complete, once.
  ParsedResponse take() noexcept { return std::move(response_); }
  // After Refused.
  const Refusal& refusal() const noexcept { return refusal_; }

 private:
  // A backend that sends nothing but 1xx must not be listened to for ever.
  static constexpr unsigned max_interim_heads = 32;

  void begin_head();
  bool read_status_line(std::string_view line);
  bool read_field(std::string_view line);
  bool finish_head();
  bool refuse(std::string log);

  std::size_t head_limit_;
  bool to_head_ = false;
  bool started_ = false;
  bool status_line_read_ = false;
  bool done_ = true;
  std::size_t head_size_ = 0;
  unsigned interim_heads_ = 0;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
  bool chunked_ = false;
  LineReader lines_;
  ParsedResponse response_;
  Refusal refusal_;
};

}  // namespace caisson::http::h1
