#include "http/h1/request_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "http/host.h"

namespace caisson::http::h1 {
namespace {

// nginx refuses a request that has one of these twice (ngx_http_process_unique_header_line).
constexpr std::array<std::string_view, 11> unique_fields = {
    "Host",     "Content-Length",    "Transfer-Encoding",   "Authorization", "Expect",       "If-Match",
    "If-Range", "If-Modified-Since", "If-Unmodified-Since", "If-None-Match", "Content-Range"};

bool must_be_unique(std::string_view name) noexcept {
  return std::any_of(unique_fields.begin(), unique_fields.end(),
                     [&](std::string_view unique) { return text::iequals(unique, name); });
}

// nginx: a method is of upper-case letters, '_' and '-'.
bool is_method_character(char c) noexcept { return (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }

// Cuts the word at the front of `rest` off, and the spaces after it.
std::string_view take_word(std::string_view& rest) noexcept {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return word;
}

// The request line for logs: "GET http://user:password@host/" loses what stands before the "@", which is a secret and
// is refused anyway (RFC 9110 section 4.2.4).
std::string without_user_information(std::string_view line) {
  std::string shown(line);
  const std::size_t authority = shown.find("://");
  if (authority == std::string::npos || shown.substr(0, authority).find('/') != std::string::npos) return shown;
  const std::size_t begin = authority + 3;
  const std::size_t end = shown.find_first_of("/? ", begin);
  const std::size_t at = shown.rfind('@', end);
  if (at != std::string::npos && at >= begin && (end == std::string::npos || at < end))
    shown.erase(begin, at + 1 - begin);
  return shown;
}

}  // namespace

void RequestParser::reset() {
  phase_ = Phase::BeforeLine;
  lines_.reset();
  head_ = {};
  refusal_ = {};
  ignored_.clear();
  skipped_ = 0;
  method_ended_ = false;
  room_ = options_.client_header_buffer_size;
  buffers_left_ = options_.large_client_header_buffers;
  field_count_ = 0;
}

Progress RequestParser::feed(std::string_view bytes) {
  std::string_view input = bytes;
  while (phase_ != Phase::Done && refusal_.status == 0) {
    if (phase_ == Phase::BeforeLine) {
      input.remove_prefix(skip_empty_lines(input));
      if (refusal_.status != 0 || input.empty()) break;
      phase_ = Phase::Line;
    }
    // What cannot be a method is refused before its line has ended: a TLS hello on a plain port may never send an LF.
    if (phase_ == Phase::Line && !method_goes_on(input)) {
      keep_line(input);
      refuse(400, "client sent invalid method");
      break;
    }
    const LineReader::Outcome outcome = lines_.take(input, line_limit());
    if (outcome == LineReader::Outcome::NeedMore) break;
    if (outcome == LineReader::Outcome::TooLong) {
      refuse_too_long();
      break;
    }
    account(lines_.wire_length());
    if (phase_ == Phase::Line) {
      read_request_line(lines_.line());
    } else if (lines_.line().empty()) {
      finish_head();
    } else {
      read_field(lines_.line());
    }
  }
  const State state = refusal_.status != 0 ? State::Refused : phase_ == Phase::Done ? State::Complete : State::NeedMore;
  return {bytes.size() - input.size(), state};
}

std::size_t RequestParser::skip_empty_lines(std::string_view bytes) {
  const std::size_t length = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
  skipped_ += length;
  if (skipped_ > options_.client_header_buffer_size) refuse(400, "client sent invalid request: empty lines only");
  return length;
}

// False when the method, as far as it has come, is none.
bool RequestParser::method_goes_on(std::string_view bytes) {
  if (method_ended_) return true;
  const std::size_t before = lines_.pending().size();
  bytes = bytes.substr(0, line_limit() - std::min(line_limit(), before));
  const auto end = std::find_if_not(bytes.begin(), bytes.end(), is_method_character);
  if (end == bytes.end()) return true;
  method_ended_ = true;
  return *end == ' ' && before + static_cast<std::size_t>(end - bytes.begin()) > 0;
}

bool RequestParser::give_up(unsigned status) {
  if (!started()) return false;
  if (phase_ == Phase::Line) keep_line({});
  refuse(status, "");
  return true;
}

// The line as far as it came, for the access log.
void RequestParser::keep_line(std::string_view rest) {
  head_.line = lines_.pending();
  const std::size_t room = line_limit() - std::min(line_limit(), head_.line.size());
  head_.line.append(rest.substr(0, std::min(rest.find_first_of("\r\n"), room)));
  head_.line = without_user_information(head_.line);
}

// nginx reads lines into one small buffer, then into so many large ones; a line is never divided between two.
std::size_t RequestParser::line_limit() const noexcept {
  return buffers_left_ > 0 ? std::max(room_, options_.large_client_header_buffer_size) : room_;
}

void RequestParser::account(std::size_t line_length) noexcept {
  if (line_length > room_) {
    --buffers_left_;
    room_ = options_.large_client_header_buffer_size;
  }
  room_ -= line_length;
}

void RequestParser::refuse_too_long() {
  if (phase_ == Phase::Line) {
    keep_line({});
    refuse(414, "client sent too long URI");
  } else {
    refuse(494, "client sent too long header line: " + loggable_field_line(lines_.pending()));
  }
}

// ngx_http_parse_request_line. The method's characters were looked at as they came.
void RequestParser::read_request_line(std::string_view line) {
  head_.line = without_user_information(line);
  head_.method = take_word(line);
  const std::string_view target = take_word(line);
  if (target.empty()) return refuse(400, "client sent invalid request: no target");
  if (line.empty()) {
    head_.version = Version::Http09;
    if (head_.method != "GET") return refuse(400, "client sent invalid method in HTTP/0.9 request");
  }

  Result<RequestTarget> parsed = parse_target(target, options_.merge_slashes);
  if (!parsed.ok()) return refuse(400, std::move(parsed).error().what);
  head_.target = std::move(parsed).value();
  if (!target.starts_with('/') && !host_name(head_.target.host)) {
    return refuse(400, "client sent invalid host in request line");
  }
  if (!line.empty() && !read_version(line)) return;
  phase_ = head_.version == Version::Http09 ? Phase::Done : Phase::Fields;
}

// "HTTP/1.MINOR" and spaces. nginx takes any minor version up to three digits for 1.1, but 0.
bool RequestParser::read_version(std::string_view text) {
  const auto invalid = [this] {
    refuse(400, "client sent invalid request: not an HTTP version");
    return false;
  };
  if (!text.starts_with("HTTP/")) return invalid();
  text.remove_prefix(5);
  if (text.empty() || text.front() < '1' || text.front() > '9') return invalid();
  if (text.front() > '1' || (text.size() > 1 && text::is_digit(text[1]))) {
    refuse(505, "client sent invalid version");
    return false;
  }
  if (text.size() < 3 || text[1] != '.' || !text::is_digit(text[2])) return invalid();
  text.remove_prefix(2);
  unsigned minor = 0;
  for (; !text.empty() && text::is_digit(text.front()); text.remove_prefix(1)) {
    if (minor > 99) return invalid();
    minor = minor * 10 + static_cast<unsigned>(text.front() - '0');
  }
  if (text.find_first_not_of(' ') != std::string_view::npos) return invalid();
  head_.version = minor == 0 ? Version::Http10 : Version::Http11;
  return true;
}

void RequestParser::read_field(std::string_view line) {
  if (++field_count_ > options_.max_headers) return refuse(494, "client sent too many header lines");
  const std::optional<FieldLine> field = parse_field_line(line, options_.underscores_in_headers);
  if (!field) return refuse(400, "client sent invalid header line: " + loggable_field_line(line));
  if (field->odd_name && options_.ignore_invalid_headers) {
    ignored_.push_back(loggable(field->name));
    return;
  }
  const bool is_host = text::iequals(field->name, "Host");
  if (must_be_unique(field->name) && head_.headers.has(field->name)) {
    return refuse(400, is_host ? "client sent duplicate host header"
                               : "client sent duplicate header line: \"" + std::string(field->name) + '"');
  }
  if (is_host && !host_name(field->value)) return refuse(400, "client sent invalid host header");
  head_.headers.add(std::string(field->name), std::string(field->value));
}

// ngx_http_process_request_header, and RFC 9112 section 6.3.
void RequestParser::finish_head() {
  if (head_.version >= Version::Http11 && !head_.headers.has("Host")) {
    return refuse(400, "client sent HTTP/1.1 request without \"Host\" header");
  }
  const std::string* length = head_.headers.find("Content-Length");
  if (length != nullptr) {
    const std::optional<std::uint64_t> bytes = parse_content_length(*length);
    if (!bytes) return refuse(400, "client sent invalid \"Content-Length\" header");
    head_.body = BodySize::declared(*bytes);
  }
  if (const std::string* coding = head_.headers.find("Transfer-Encoding"); coding != nullptr) {
    if (head_.version < Version::Http11) {
      return refuse(400, "client sent HTTP/1.0 request with \"Transfer-Encoding\" header");
    }
    if (!text::iequals(*coding, "chunked")) {
      return refuse(501, "client sent unknown \"Transfer-Encoding\": \"" + loggable(*coding) + '"');
    }
    if (length != nullptr) {
      return refuse(400, "client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time");
    }
    head_.body = BodySize::streamed();
  }
  if (head_.method == "CONNECT" || head_.method == "TRACE") {
    return refuse(405, "client sent " + head_.method + " method");
  }
  phase_ = Phase::Done;
}

void RequestParser::refuse(unsigned status, std::string log) { refusal_ = {status, std::move(log)}; }

bool client_keeps_alive(const RequestHead& head) noexcept {
  if (head.headers.lists("Connection", "close")) return false;
  return head.version >= Version::Http11 ||
         (head.version == Version::Http10 && head.headers.lists("Connection", "keep-alive"));
}

bool expects_continue(const RequestHead& head) noexcept {
  if (head.version < Version::Http11) return false;
  const std::string* expect = head.headers.find("Expect");
  return expect != nullptr && text::iequals(*expect, "100-continue");
}

}  // namespace caisson::http::h1
