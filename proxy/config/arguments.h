// Values in directives, read by nginx's rules (ngx_parse.c) and refused in nginx's words.
//
// Threading: none of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "config/directive.h"

namespace caisson::config {

// The text alone; for parameters such as "max_fails=3" or "fail_timeout=15s" after their "=".
std::optional<std::uint64_t> parse_size(std::string_view text);    // bytes: 512, 8k, 10m; either case
std::optional<std::uint64_t> parse_offset(std::string_view text);  // bytes: parse_size's, and 1g
std::optional<std::uint64_t> parse_number(std::string_view text);
// "90", "1m 30s", "1h30m", "500ms". A bare number is seconds, units come in falling order. Years and months are for
// parse_seconds alone, "ms" for parse_milliseconds alone.
std::optional<std::chrono::milliseconds> parse_milliseconds(std::string_view text);
std::optional<std::chrono::seconds> parse_seconds(std::string_view text);

// The index-th argument of a directive. A missing argument is "invalid number of arguments".
Result<std::uint64_t> size_arg(const Directive& directive, std::size_t index = 0);
Result<std::uint64_t> offset_arg(const Directive& directive, std::size_t index = 0);
Result<std::uint64_t> number_arg(const Directive& directive, std::size_t index = 0);
Result<std::chrono::milliseconds> milliseconds_arg(const Directive& directive, std::size_t index = 0);
Result<std::chrono::seconds> seconds_arg(const Directive& directive, std::size_t index = 0);
Result<bool> flag_arg(const Directive& directive, std::size_t index = 0);  // "on" or "off", either case

}  // namespace caisson::config
