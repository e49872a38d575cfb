// Query strings: "n=10&last=a%2Fb".
//
// Threading: none of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::registry {

// The first value under that name, decoded ('+' is a space); nothing when there is none or it is malformed.
std::optional<std::string> query_value(std::string_view args, std::string_view name);

// All values under that name that are well-formed, in their order.
std::vector<std::string> query_values(std::string_view args, std::string_view name);

// The value as it may stand behind "name=".
std::string query_escaped(std::string_view value);

}  // namespace caisson::registry
