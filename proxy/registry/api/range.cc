#include "registry/api/range.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::registry {
namespace {

// Digits, however many: what does not fit is more than any blob has.
std::optional<std::uint64_t> clamped_number(std::string_view digits) noexcept {
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), text::is_digit)) return std::nullopt;
  return text::to_number(digits).value_or(UINT64_MAX);
}

}  // namespace

std::variant<ByteRange, WholeBlob, NotSatisfiable> parse_range(std::string_view header, std::uint64_t size) noexcept {
  const std::size_t equals = header.find('=');
  if (!text::iequals(text::trimmed(header.substr(0, equals)), "bytes")) return WholeBlob();
  if (equals == std::string_view::npos) return NotSatisfiable();
  const std::string_view ranges = text::trimmed(header.substr(equals + 1));
  if (ranges.find(',') != std::string_view::npos) return WholeBlob();
  const std::size_t dash = ranges.find('-');
  if (dash == std::string_view::npos) return NotSatisfiable();
  const std::string_view from = text::trimmed(ranges.substr(0, dash));
  const std::string_view to = text::trimmed(ranges.substr(dash + 1));

  const auto last = clamped_number(to);
  if (from.empty()) {  // the last bytes of the blob
    if (!last || *last == 0 || size == 0) return NotSatisfiable();
    return ByteRange{size - std::min(*last, size), size - 1};
  }
  const auto first = clamped_number(from);
  if (!first || *first >= size || (!last && !to.empty())) return NotSatisfiable();
  if (last && *last < *first) return NotSatisfiable();
  return ByteRange{*first, std::min(last.value_or(UINT64_MAX), size - 1)};
}

std::optional<ByteRange> parse_content_range(std::string_view header) noexcept {
  constexpr std::string_view kUnit = "bytes ";
  if (header.starts_with(kUnit)) {
    header.remove_prefix(kUnit.size());
    header = header.substr(0, header.find('/'));
  }
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = text::to_number(header.substr(0, dash));
  const auto last = text::to_number(header.substr(dash + 1));
  // Not to the very last number: the size of the range would not fit.
  if (!first || !last || *last < *first || *last == UINT64_MAX) return std::nullopt;
  return ByteRange{*first, *last};
}

}  // namespace caisson::registry
