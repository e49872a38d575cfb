// Dates of HTTP (RFC 9110 section 5.6.7).
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::gateway {

// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::time_t at);
// All three forms; nothing when it is none of them.
std::optional<std::time_t> parse_http_date(std::string_view text);

}  // namespace caisson::gateway
