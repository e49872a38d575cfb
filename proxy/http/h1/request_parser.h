// The head of an HTTP/1 request, read with nginx's grammar (ngx_http_parse.c, ngx_http_request.c) from bytes that come
// in any pieces: a lone LF ends a line, empty lines before a request are skipped, HTTP/0.9 is understood; a lone CR,
// folded lines, empty names, contradictory framing are refused. Where nginx would guess, this refuses.
//
// Ownership: owns what it keeps of an unfinished head. Threading: none of its own. Errors: State::Refused, with the
// status for the client and a text for the log; the connection must be closed after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/h1/lines.h"
#include "http/message.h"

namespace caisson::http::h1 {

// The directives of the same names; sizes in bytes.
struct RequestOptions {
  std::size_t client_header_buffer_size = 1024;
  std::size_t large_client_header_buffers = 4;
  std::size_t large_client_header_buffer_size = 8 * 1024;
  std::size_t max_headers = 1000;
  bool ignore_invalid_headers = true;
  bool underscores_in_headers = false;
  bool merge_slashes = true;
};

class RequestParser {
 public:
  // Borrows nothing: the options are copied.
  explicit RequestParser(const RequestOptions& options) : options_(options) { reset(); }

  // Takes bytes until the head is whole. REQUIRES: no Complete or Refused since the last reset().
  Progress feed(std::string_view bytes);

  // Whether a byte of a request has come (an idle connection that ends is no error). Empty lines do not count.
  bool started() const noexcept { return phase_ != Phase::BeforeLine; }
  bool reading_line() const noexcept { return phase_ <= Phase::Line; }

  // No more will come. True when a request had begun: then it counts as Refused with that status, and nothing to say.
  bool give_up(unsigned status);

  // After Complete: the head. After Refused: what was understood of it, for the access log and the error page: `line`
  // as far as it came, `version`; method, target and headers only when their lines had been read. Once.
  RequestHead take_head() noexcept { return std::move(head_); }
  // After Refused.
  const Refusal& refusal() const noexcept { return refusal_; }
  // Names of the fields that ignore_invalid_headers dropped, fit for the log.
  const std::vector<std::string>& ignored_names() const noexcept { return ignored_; }

  // Ready for the next request on the connection.
  void reset();

 private:
  enum class Phase : std::uint8_t { BeforeLine, Line, Fields, Done };

  std::size_t skip_empty_lines(std::string_view bytes);
  bool method_goes_on(std::string_view bytes);
  void keep_line(std::string_view rest);
  std::size_t line_limit() const noexcept;
  void account(std::size_t line_length) noexcept;
  void refuse_too_long();
  void read_request_line(std::string_view line);
  bool read_version(std::string_view text);
  void read_field(std::string_view line);
  void read_host(std::string_view value);
  void finish_head();
  void refuse(unsigned status, std::string log);

  RequestOptions options_;
  Phase phase_ = Phase::BeforeLine;
  LineReader lines_;
  RequestHead head_;
  Refusal refusal_;
  std::vector<std::string> ignored_;
  std::size_t skipped_ = 0;       // bytes of empty lines before the request line
  bool method_ended_ = false;     // the space after the method has come
  std::size_t room_ = 0;          // left in the buffer that nginx would be reading into
  std::size_t buffers_left_ = 0;  // large buffers that nginx would still allocate
  std::size_t field_count_ = 0;
};

// Whether the connection may serve another request after this one, as far as the client has a say: "Connection: close"
// or "keep-alive", else the version decides.
bool client_keeps_alive(const RequestHead& head) noexcept;

// Whether the client waits for "100 Continue" before it sends the body (HTTP/1.1 and "Expect: 100-continue").
bool expects_continue(const RequestHead& head) noexcept;

}  // namespace caisson::http::h1
