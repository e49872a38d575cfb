#include "http/h1/lines.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"

namespace caisson::http::h1 {
namespace {

enum class NameByte : std::uint8_t { Good, Underscore, Colon, Odd, Bad };

constexpr std::array<NameByte, 256> name_bytes = [] {
  std::array<NameByte, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    const char c = static_cast<char>(byte);
    const bool letter = text::lower(c) >= 'a' && text::lower(c) <= 'z';
    table[byte] = letter || text::is_digit(c) || c == '-' ? NameByte::Good
                  : c == '_'                              ? NameByte::Underscore
                  : c == ':'                              ? NameByte::Colon
                  : byte <= 0x20 || byte == 0x7f          ? NameByte::Bad
                                                          : NameByte::Odd;
  }
  return table;
}();

NameByte kind_of(char c) noexcept { return name_bytes[static_cast<unsigned char>(c)]; }

// How many bytes from the front may stand in a name, and whether one of them is odd.
std::size_t name_length(std::string_view line, bool underscores_allowed, bool& odd) noexcept {
  std::size_t at = 0;
  for (; at < line.size(); ++at) {
    const NameByte kind = kind_of(line[at]);
    if (kind == NameByte::Bad || kind == NameByte::Colon) break;
    if (kind == NameByte::Odd || (kind == NameByte::Underscore && !underscores_allowed)) odd = true;
  }
  return at;
}

void append_loggable(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      out.append("\\x") += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
}

}  // namespace

LineReader::Outcome LineReader::take(std::string_view& input, std::size_t limit) {
  if (whole_) kept_.clear();
  const std::size_t allowed = limit - std::min(limit, kept_.size());
  const std::size_t end = input.substr(0, allowed).find('\n');
  if (end == std::string_view::npos) {
    kept_.append(input.substr(0, allowed));
    whole_ = false;
    if (input.size() >= allowed) return Outcome::TooLong;
    input = {};
    return Outcome::NeedMore;
  }
  if (whole_) {
    line_ = input.substr(0, end);
  } else {
    kept_.append(input.substr(0, end));
    line_ = kept_;
    whole_ = true;  // the line is in kept_ until the next take()
  }
  input.remove_prefix(end + 1);
  wire_length_ = line_.size() + 1;
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  return Outcome::Line;
}

void LineReader::reset() noexcept {
  kept_.clear();
  whole_ = true;
  line_ = {};
  wire_length_ = 0;
}

std::optional<FieldLine> parse_field_line(std::string_view line, bool underscores_allowed) noexcept {
  FieldLine field;
  const std::size_t length = name_length(line, underscores_allowed, field.odd_name);
  if (length == 0) return std::nullopt;
  field.name = line.substr(0, length);
  if (length == line.size()) return field;
  if (line[length] != ':') return std::nullopt;

  field.value = text::trimmed(line.substr(length + 1), " ");
  for (const char c : field.value) {
    if (c == '\0' || c == '\r') return std::nullopt;
  }
  return field;
}

bool is_fit_name(std::string_view name) noexcept {
  bool odd = false;
  return !name.empty() && name_length(name, true, odd) == name.size();
}

bool is_fit_value(std::string_view value) noexcept {
  using namespace std::string_view_literals;
  return value.find_first_of("\r\n\0"sv) == std::string_view::npos;
}

std::string loggable_field_line(std::string_view line) {
  bool odd = false;
  const std::size_t length = name_length(line, true, odd);
  const bool value_is_wrong = length > 0 && length < line.size() && line[length] == ':';
  std::string shown = loggable(line.substr(0, length));
  if (value_is_wrong) {
    shown += ": ";
  } else if (length < line.size()) {
    // A space or a colon is what is wrong here, so that it must be seen.
    const auto byte = static_cast<unsigned char>(line[length]);
    shown += "\\x";
    shown += "0123456789abcdef"[byte >> 4];
    shown += "0123456789abcdef"[byte & 15];
  }
  return '"' + shown + "...\"";
}

std::string loggable(std::string_view text, std::size_t limit) {
  std::string out;
  append_loggable(out, text.substr(0, limit));
  if (text.size() > limit) out += "...";
  return out;
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept {
  const std::optional<std::uint64_t> number = text::to_number(value);
  if (!number || *number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return number;
}

}  // namespace caisson::http::h1
