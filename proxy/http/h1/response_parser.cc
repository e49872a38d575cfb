#include "http/h1/response_parser.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace caisson::http::h1 {

void ResponseParser::begin(bool to_head) {
  to_head_ = to_head;
  started_ = false;
  interim_heads_ = 0;
  refusal_ = {};
  begin_head();
}

void ResponseParser::begin_head() {
  lines_.reset();
  response_ = {};
  status_line_read_ = false;
  done_ = false;
  head_size_ = 0;
  says_close_ = false;
  says_keep_alive_ = false;
  chunked_ = false;
}

Progress ResponseParser::feed(std::string_view bytes) {
  if (done_) begin_head();  // the head after an interim one
  if (!bytes.empty()) started_ = true;
  std::string_view input = bytes;
  bool fine = true;
  while (fine && !done_) {
    const LineReader::Outcome outcome = lines_.take(input, head_limit_ - head_size_);
    if (outcome == LineReader::Outcome::NeedMore) return {bytes.size(), State::NeedMore};
    if (outcome == LineReader::Outcome::TooLong) {
      fine = refuse("upstream sent too big header");
      break;
    }
    head_size_ += lines_.wire_length();
    const std::string_view line = lines_.line();
    fine = !status_line_read_ ? read_status_line(line) : line.empty() ? finish_head() : read_field(line);
  }
  return {bytes.size() - input.size(), fine ? State::Complete : State::Refused};
}

// ngx_http_parse_status_line, but for a version that is not 1.x, which is refused (RFC 9112 section 2.3).
bool ResponseParser::read_status_line(std::string_view line) {
  const auto invalid = [&] { return refuse("upstream sent no valid HTTP/1.0 header: \"" + loggable(line, 64) + '"'); };
  if (!line.starts_with("HTTP/1.")) return invalid();
  std::string_view rest = line.substr(7);
  const std::size_t minor = std::min(rest.find(' '), rest.size());
  if (minor == 0 || minor > 3) return invalid();
  if (!std::all_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(minor), text::is_digit)) return invalid();
  response_.version =
      rest.substr(0, minor).find_first_not_of('0') == std::string_view::npos ? Version::Http10 : Version::Http11;
  rest.remove_prefix(minor);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));

  const std::optional<std::uint64_t> status = text::to_number(rest.substr(0, 3));
  if (rest.size() < 3 || !status || *status < 100) return invalid();
  response_.head.status = static_cast<unsigned>(*status);
  rest.remove_prefix(3);
  // IIS sends "403.1".
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '.') return invalid();
  if (rest.find('\r') != std::string_view::npos || rest.find('\0') != std::string_view::npos) return invalid();
  if (rest.starts_with(' ')) response_.head.reason = text::trimmed(rest, " ");
  status_line_read_ = true;
  return true;
}

bool ResponseParser::read_field(std::string_view line) {
  // Not only nginx's letters, digits and dashes: a backend may name its fields as it likes.
  const std::optional<FieldLine> field = parse_field_line(line, true);
  if (!field) return refuse("upstream sent invalid header: " + loggable_field_line(line));
  Headers& headers = response_.head.headers;

  if (text::iequals(field->name, "Content-Length")) {
    if (headers.has("Content-Length")) return refuse("upstream sent duplicate header line: \"Content-Length\"");
    if (!parse_content_length(field->value)) return refuse("upstream sent invalid \"Content-Length\" header");
  } else if (text::iequals(field->name, "Transfer-Encoding")) {
    if (chunked_) return refuse("upstream sent duplicate header line: \"Transfer-Encoding\"");
    if (!text::iequals(field->value, "chunked")) {
      return refuse("upstream sent unknown \"Transfer-Encoding\": \"" + loggable(field->value) + '"');
    }
    chunked_ = true;
    return true;
  } else if (text::iequals(field->name, "Connection")) {
    const Headers connection{{"Connection", std::string(field->value)}};
    says_close_ = says_close_ || connection.lists("Connection", "close");
    says_keep_alive_ = says_keep_alive_ || connection.lists("Connection", "keep-alive");
    return true;
  } else if (text::iequals(field->name, "Keep-Alive")) {
    return true;
  }
  headers.add(std::string(field->name), std::string(field->value));
  return true;
}

// RFC 9112 section 6.3, where it leaves a choice the one that cannot be read in two ways.
bool ResponseParser::finish_head() {
  ResponseHead& head = response_.head;
  const std::string* length = head.headers.find("Content-Length");
  if (chunked_ && length != nullptr) {
    return refuse("upstream sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time");
  }
  if (chunked_ && response_.version < Version::Http11) {
    return refuse("upstream sent HTTP/1.0 response with \"Transfer-Encoding\" header");
  }

  bool ambiguous = false;
  if (head.status < 200 || head.status == 204) {
    // Neither has a body (RFC 9110 sections 8.6 and 15.2). A backend that announces one may send it, which would be
    // taken for the next response.
    ambiguous = chunked_ || (length != nullptr && *length != "0");
    if (ambiguous && head.status < 200) return refuse("upstream sent an interim response with a body");
    head.headers.remove("Content-Length");
    response_.body = BodySize::none();
  } else if (to_head_ || head.status == 304) {
    response_.body = BodySize::none();
  } else if (chunked_) {
    response_.body = BodySize::streamed();
  } else if (length != nullptr) {
    response_.body = BodySize::declared(*parse_content_length(*length));
  } else {
    response_.body = BodySize::until_close();
  }

  if (response_.interim() && ++interim_heads_ > max_interim_heads) {
    return refuse("upstream sent too many interim responses");
  }
  response_.keep_alive = head.status != 101 && response_.body.kind != BodySize::Kind::UntilClose && !ambiguous &&
                         !says_close_ && (response_.version >= Version::Http11 || says_keep_alive_);
  done_ = true;
  return true;
}

bool ResponseParser::refuse(std::string log) {
  refusal_ = {502, std::move(log)};
  return false;
}

}  // namespace caisson::http::h1
