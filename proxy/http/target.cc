#include "http/target.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "base/text.h"

namespace caisson::http {
namespace {

// nginx's words, then ours.
Error bad(std::string_view problem) {
  return {ErrorCode::BadRequest, "client sent invalid request: " + std::string(problem)};
}

bool is_letter(char c) noexcept { return text::lower(c) >= 'a' && text::lower(c) <= 'z'; }

bool is_scheme_character(char c) noexcept {
  return is_letter(c) || text::is_digit(c) || c == '+' || c == '-' || c == '.';
}

bool is_host_character(char c) noexcept { return is_letter(c) || text::is_digit(c) || c == '.' || c == '-'; }

bool is_literal_character(char c) noexcept {
  constexpr std::string_view others = ":-._~!$&'()*+,;=";
  return is_letter(c) || text::is_digit(c) || others.find(c) != std::string_view::npos;
}

// How many bytes of `text` are an authority: a name or a bracketed literal, then perhaps a port. Nothing when the text
// begins with none that nginx would take.
std::optional<std::size_t> authority_length(std::string_view text) {
  std::size_t at = 0;
  if (text.starts_with('[')) {
    ++at;
    while (at < text.size() && is_literal_character(text[at])) ++at;
    if (at == text.size() || text[at] != ']') return std::nullopt;
    ++at;
  } else {
    while (at < text.size() && is_host_character(text[at])) ++at;
  }
  if (at < text.size() && text[at] == ':') {
    ++at;
    while (at < text.size() && text::is_digit(text[at])) ++at;
  }
  return at;
}

// Cuts "scheme://authority" off the front of an absolute form, into `target.host`. True when it could be read. nginx
// takes any scheme.
bool take_authority(std::string_view& rest, RequestTarget& target) {
  std::size_t scheme = 0;
  while (scheme < rest.size() && is_scheme_character(rest[scheme])) ++scheme;
  if (scheme == 0 || !is_letter(rest.front()) || !rest.substr(scheme).starts_with("://")) return false;
  rest.remove_prefix(scheme + 3);
  const std::optional<std::size_t> length = authority_length(rest);
  if (!length) return false;
  target.host = rest.substr(0, *length);
  rest.remove_prefix(*length);
  return rest.empty() || rest.front() == '/' || rest.front() == '?';
}

// Builds the normal form of a path segment by segment, so that "." and ".." are seen however they were spelled: a
// decoded '/' divides segments and a decoded '.' is a dot, as in nginx.
class PathBuilder {
 public:
  explicit PathBuilder(bool merge_slashes) : merge_slashes_(merge_slashes) {}

  // False when the path leads above the root.
  bool slash() {
    const Closed closed = close_segment();
    if (closed == Closed::AboveRoot) return false;
    // What a dot segment leaves behind ends with a slash already.
    if (closed == Closed::Resolved) return true;
    if (merge_slashes_ && segment_ > 0 && segment_ == path_.size()) return true;
    path_ += '/';
    segment_ = path_.size();
    return true;
  }
  void plain(char c) { path_ += c; }
  bool finish() { return close_segment() != Closed::AboveRoot; }
  std::string take() { return std::move(path_); }

 private:
  enum class Closed : std::uint8_t { Kept, Resolved, AboveRoot };

  Closed close_segment() {
    const std::string_view last = std::string_view(path_).substr(segment_);
    if (last == ".") {
      path_.resize(segment_);
      return Closed::Resolved;
    }
    if (last != "..") return Closed::Kept;
    if (segment_ < 2) return Closed::AboveRoot;
    segment_ = path_.rfind('/', segment_ - 2) + 1;  // there is one: a path begins with it
    path_.resize(segment_);
    return Closed::Resolved;
  }

  bool merge_slashes_;
  std::string path_;
  std::size_t segment_ = 0;  // where the last segment begins
};

bool needs_no_work(std::string_view path) noexcept {
  return path.find('%') == std::string_view::npos && path.find("/.") == std::string_view::npos &&
         path.find("//") == std::string_view::npos;
}

Result<std::string> normal_path(std::string_view path, bool merge_slashes) {
  if (needs_no_work(path)) return std::string(path);
  PathBuilder normal(merge_slashes);
  for (std::size_t at = 0; at < path.size(); ++at) {
    char c = path[at];
    if (c == '%') {
      const int high = at + 1 < path.size() ? text::hex_value(path[at + 1]) : -1;
      const int low = at + 2 < path.size() ? text::hex_value(path[at + 2]) : -1;
      if (high < 0 || low < 0) return bad("an escape without two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      if (c == '\0') return bad("an escaped NUL");
      at += 2;
    }
    if (c != '/') {
      normal.plain(c);
    } else if (!normal.slash()) {
      return bad("a path above the root");
    }
  }
  if (!normal.finish()) return bad("a path above the root");
  return normal.take();
}

}  // namespace

Result<RequestTarget> parse_target(std::string_view target, bool merge_slashes) {
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return bad("a space or control character in the target");
  }

  RequestTarget parsed;
  std::string_view rest = target;
  if (!rest.starts_with('/') && !take_authority(rest, parsed)) return bad("neither a path nor an absolute URI");
  parsed.raw = rest.empty() ? "/" : rest;

  rest = rest.substr(0, rest.find('#'));
  const std::size_t question = rest.find('?');
  if (question != std::string_view::npos) {
    parsed.has_args = true;
    parsed.args = rest.substr(question + 1);
  }
  const std::string_view path = rest.substr(0, question);
  Result<std::string> normal = normal_path(path.empty() ? "/" : path, merge_slashes);
  if (!normal.ok()) return std::move(normal).error();
  parsed.path = std::move(normal).value();
  return parsed;
}

std::string escaped_path(std::string_view path) {
  constexpr std::string_view escaped = " \"#%<>?\\^`{|}";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || escaped.find(c) != std::string_view::npos) {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace caisson::http
