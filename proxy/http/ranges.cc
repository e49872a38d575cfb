#include "http/ranges.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/text.h"

namespace caisson::http {

namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();  // as nginx's off_t

void skip_spaces(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::size_t digits = 0;
  while (digits < text.size() && text::is_digit(text[digits])) ++digits;
  const auto number = text::to_number(text.substr(0, digits));
  text.remove_prefix(digits);
  return number && *number <= largest ? number : std::nullopt;
}

// "5-9", "5-", "-5" off the front of `text`; nothing when it is none. The end may lie before the beginning.
std::optional<ByteRange> take_range(std::string_view& text, std::uint64_t size) {
  skip_spaces(text);
  ByteRange range;
  const bool suffix = text.starts_with('-');
  if (!suffix) {
    const auto begin = take_number(text);
    skip_spaces(text);
    if (!begin || !text.starts_with('-')) return std::nullopt;
    range.begin = *begin;
  }
  text.remove_prefix(1);
  if (!suffix) {
    skip_spaces(text);
    if (text.empty() || text.starts_with(',')) {
      range.end = size;
      return range;
    }
  }
  const auto last = take_number(text);
  skip_spaces(text);
  if (!last || !(text.empty() || text.starts_with(','))) return std::nullopt;
  if (suffix) {
    range.begin = *last < size ? size - *last : 0;
    range.end = size;
  } else {
    range.end = *last >= size ? size : *last + 1;
  }
  return range;
}

}  // namespace

// ngx_http_range_parse
AskedRanges parse_ranges(std::string_view header, std::uint64_t size, std::uint64_t most) {
  constexpr std::string_view unit = "bytes=";
  if (most == 0 || header.size() <= unit.size() || !text::iequals(header.substr(0, unit.size()), unit)) return {};
  header.remove_prefix(unit.size());
  AskedRanges asked;
  std::uint64_t total = 0;
  for (;;) {
    const auto range = take_range(header, size);
    if (!range) return {AskedRanges::Kind::Unsatisfiable, {}};
    if (range->begin < range->end) {
      if (total > largest - range->size()) return {AskedRanges::Kind::Unsatisfiable, {}};
      total += range->size();
      if (asked.ranges.size() == most) return {};
      asked.ranges.push_back(*range);
    } else if (range->begin == 0) {
      return {};  // "0-" of an empty document
    }
    if (header.empty()) break;
    header.remove_prefix(1);
  }
  if (asked.ranges.empty()) return {AskedRanges::Kind::Unsatisfiable, {}};
  if (total > size) return {};
  asked.kind = AskedRanges::Kind::Parts;
  return asked;
}

}  // namespace caisson::http
