#include "http/h1/serializer.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "base/text.h"
#include "http/h1/lines.h"

namespace caisson::http::h1 {
namespace {

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) noexcept {
  return std::any_of(names.begin(), names.end(), [&](std::string_view one) { return text::iequals(one, name); });
}

// False, and nothing appended, when the field is unfit for a head.
bool append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_fit_name(name) || !is_fit_value(value)) return false;
  out.append(name).append(": ").append(value).append("\r\n");
  return true;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_status_line(std::string& out, const ResponseHead& head) {
  const bool own_reason = !head.reason.empty() && is_fit_value(head.reason);
  out += "HTTP/1.1 ";
  append_number(out, head.status);
  out += ' ';
  out += own_reason ? std::string_view(head.reason) : reason_phrase(head.status);
  out += "\r\n";
}

bool is_interim(const ResponseHead& head) noexcept { return head.status < 200 && head.status != 101; }

// The Content-Length of a head; a malformed one does not count.
std::optional<std::uint64_t> declared_length(const ResponseHead& head) {
  if (const std::string* length = head.headers.find("Content-Length"); length != nullptr) {
    return parse_content_length(*length);
  }
  return {};
}

BodySize body_framing(const ResponseHead& head, const ResponseContext& context) {
  if (is_interim(head)) return BodySize::none();
  if (head.status == 101 || context.version == Version::Http09) return BodySize::until_close();
  if (context.to_head || head.status == 204 || head.status == 304) return BodySize::none();
  if (const auto length = declared_length(head)) return BodySize::declared(*length);
  if (context.version >= Version::Http11 && context.chunked_allowed) return BodySize::streamed();
  return BodySize::until_close();
}

// What belongs to this connection, not to the response.
void append_connection_fields(std::string& out, const ResponseHead& head, const ResponseFraming& framing,
                              const ResponseContext& context) {
  if (head.status == 101) {
    out += "Connection: upgrade\r\n";
    return;
  }
  if (framing.body.kind == BodySize::Kind::Streamed) out += "Transfer-Encoding: chunked\r\n";
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
    return;
  }
  out += "Connection: keep-alive\r\n";
  if (context.keep_alive_header) {
    out += "Keep-Alive: timeout=";
    append_number(out, static_cast<std::uint64_t>(std::max<std::int64_t>(context.keep_alive_header->count(), 0)));
    out += "\r\n";
  }
}

}  // namespace

ResponseFraming append_response_head(std::string& out, const ResponseHead& head, const ResponseContext& context) {
  ResponseFraming framing;
  framing.body = body_framing(head, context);
  framing.keep_alive = context.keep_alive && framing.body.kind != BodySize::Kind::UntilClose;
  if (context.version == Version::Http09) return framing;

  append_status_line(out, head);
  bool connection_written = is_interim(head);
  bool length_written = head.status < 200 || head.status == 204;  // there it must not stand
  for (const HeaderField& field : head.headers) {
    if (is_one_of(field.name, {"Connection", "Keep-Alive", "Transfer-Encoding", "Trailer"})) continue;
    if (head.status != 101 && text::iequals(field.name, "Upgrade")) continue;
    // nginx's order: what it sets itself, then the connection's fields, then all others.
    const bool first =
        is_one_of(field.name, {"Server", "Date", "Content-Type", "Content-Length", "Last-Modified", "Location"});
    if (!first && !connection_written) {
      append_connection_fields(out, head, framing, context);
      connection_written = true;
    }
    if (text::iequals(field.name, "Content-Length")) {
      if (length_written || !declared_length(head)) continue;
      length_written = true;
    }
    if (!append_field(out, field.name, field.value)) ++framing.fields_left_out;
  }
  if (!connection_written) append_connection_fields(out, head, framing, context);
  out += "\r\n";
  return framing;
}

Headers forwardable(const Headers& fields) {
  Headers kept;
  for (const HeaderField& field : fields) {
    if (is_one_of(field.name, {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
                               "Upgrade", "HTTP2-Settings", "Content-Length", "Expect", "Proxy"})) {
      continue;
    }
    // A client may name any field in Connection; Host is not its to take away.
    if (!text::iequals(field.name, "Host") && fields.lists("Connection", field.name)) continue;
    kept.add(field.name, field.value);
  }
  return kept;
}

Result<void> append_request_head(std::string& out, const BackendRequest& request) {
  const auto unfit = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; };
  if (!is_fit_name(request.method)) return Error{ErrorCode::BadRequest, "request method unfit for a backend"};
  if (!request.target.starts_with('/') || std::any_of(request.target.begin(), request.target.end(), unfit)) {
    return Error{ErrorCode::BadRequest, "request target unfit for a backend: " + loggable(request.target)};
  }
  const bool chunked = request.body.kind == BodySize::Kind::Streamed;
  out.append(request.method).append(" ").append(request.target);
  out += request.version <= Version::Http10 && !chunked ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  for (const HeaderField& field : request.fields) {
    if (is_one_of(field.name, {"Content-Length", "Transfer-Encoding"})) continue;
    append_field(out, field.name, field.value);
  }
  if (chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (request.body.kind == BodySize::Kind::Declared) {
    out += "Content-Length: ";
    append_number(out, request.body.bytes);
    out += "\r\n";
  }
  out += "\r\n";
  return {};
}

ChunkHead::ChunkHead(std::uint64_t size) noexcept {
  assert(size > 0);
  const auto [end, error] = std::to_chars(text_.data(), text_.data() + text_.size() - 2, size, 16);
  end[0] = '\r';
  end[1] = '\n';
  length_ = static_cast<std::size_t>(end - text_.data()) + 2;
}

}  // namespace caisson::http::h1
