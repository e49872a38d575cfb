#include "config/arguments.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>

#include "base/text.h"

namespace caisson::config {

namespace {

// nginx holds sizes, numbers and times in signed 64-bit integers.
constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> scaled(std::string_view text, std::uint64_t scale) {
  const std::optional<std::uint64_t> n = text::to_number(text);
  if (!n || *n > largest / scale) return std::nullopt;
  return *n * scale;
}

struct TimeUnit {
  std::string_view suffix;
  std::uint64_t milliseconds;
};

constexpr std::uint64_t second = 1000;
constexpr std::uint64_t day = 24 * 60 * 60 * second;
// In the only order in which they may follow each other. "ms" comes before "m", which is its prefix, when looked for.
constexpr TimeUnit units[] = {
    {"y", 365 * day},        {"M", 30 * day},    {"w", 7 * day}, {"d", day},
    {"h", 60 * 60 * second}, {"m", 60 * second}, {"s", second},  {"ms", 1},
};
constexpr std::size_t first_for_milliseconds = 2;  // no years and months where milliseconds are counted
constexpr std::size_t seconds_at = 6;

// The unit that `text` starts with, among those from `from` on; npos when there is none.
std::size_t unit_of(std::string_view text, std::size_t from) {
  const bool is_ms = text.starts_with("ms");
  for (std::size_t i = from; i < std::size(units); ++i) {
    if (is_ms ? units[i].suffix == "ms" : text.starts_with(units[i].suffix)) return i;
  }
  return std::string_view::npos;
}

// Sum of the parts in units of `resolution` milliseconds.
std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t resolution) {
  std::size_t next_unit = resolution == second ? 0 : first_for_milliseconds;
  std::uint64_t total = 0;
  if (text.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    // A unit without a number counts nothing, as nginx takes it: "1hm" is an hour.
    const std::optional<std::uint64_t> n = digits == 0 ? 0 : text::to_number(text.substr(0, digits));
    if (!n) return std::nullopt;
    text.remove_prefix(digits);

    std::uint64_t scale = second;  // a number without unit
    if (!text.empty() && text.front() != ' ') {
      const std::size_t unit = unit_of(text, next_unit);
      if (unit == std::string_view::npos || units[unit].milliseconds < resolution) return std::nullopt;
      scale = units[unit].milliseconds;
      text.remove_prefix(units[unit].suffix.size());
      next_unit = unit + 1;
    } else if (!text.empty()) {
      if (next_unit > seconds_at) return std::nullopt;
      next_unit = std::size(units);
    }
    scale /= resolution;
    if (*n > largest / scale || total > largest - *n * scale) return std::nullopt;
    total += *n * scale;
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  return total;
}

template <class T>
Result<T> read_arg(const Directive& directive, std::size_t index, std::optional<T> (*parse)(std::string_view),
                   std::string_view problem, std::string_view form) {
  if (index >= directive.args.size()) return wrong_argument_count(directive);
  const std::string& value = directive.args[index];
  if (std::optional<T> parsed = parse(value)) return *parsed;
  return config_error(directive, problem, '"' + value + "\" is not " + std::string(form));
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const char unit = text.empty() ? '\0' : text::lower(text.back());
  if (unit == 'k') return scaled(text.substr(0, text.size() - 1), 1ULL << 10);
  if (unit == 'm') return scaled(text.substr(0, text.size() - 1), 1ULL << 20);
  return scaled(text, 1);
}

std::optional<std::uint64_t> parse_offset(std::string_view text) {
  if (!text.empty() && text::lower(text.back()) == 'g') return scaled(text.substr(0, text.size() - 1), 1ULL << 30);
  return parse_size(text);
}

std::optional<std::uint64_t> parse_number(std::string_view text) { return scaled(text, 1); }

std::optional<std::chrono::milliseconds> parse_milliseconds(std::string_view text) {
  const std::optional<std::uint64_t> n = parse_time(text, 1);
  if (!n) return std::nullopt;
  return std::chrono::milliseconds(*n);
}

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
  const std::optional<std::uint64_t> n = parse_time(text, second);
  if (!n) return std::nullopt;
  return std::chrono::seconds(*n);
}

Result<std::uint64_t> size_arg(const Directive& directive, std::size_t index) {
  return read_arg(directive, index, &parse_size, "invalid value", "a size such as 8k or 10m");
}

Result<std::uint64_t> offset_arg(const Directive& directive, std::size_t index) {
  return read_arg(directive, index, &parse_offset, "invalid value", "a size such as 512k, 10m or 1g");
}

Result<std::uint64_t> number_arg(const Directive& directive, std::size_t index) {
  return read_arg(directive, index, &parse_number, "invalid number", "a number");
}

Result<std::chrono::milliseconds> milliseconds_arg(const Directive& directive, std::size_t index) {
  return read_arg(directive, index, &parse_milliseconds, "invalid value", "a time such as 500ms, 900, 15m or 1h");
}

Result<std::chrono::seconds> seconds_arg(const Directive& directive, std::size_t index) {
  return read_arg(directive, index, &parse_seconds, "invalid value", "a time such as 900, 15m, 1h or 30d");
}

Result<bool> flag_arg(const Directive& directive, std::size_t index) {
  if (index >= directive.args.size()) return wrong_argument_count(directive);
  const std::string& value = directive.args[index];
  if (text::iequals(value, "on")) return true;
  if (text::iequals(value, "off")) return false;
  return error_at(directive.at, "invalid value \"" + value + "\" in \"" + directive.name +
                                    "\" directive, it must be \"on\" or \"off\"");
}

}  // namespace caisson::config
