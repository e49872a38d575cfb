// The base64 of JOSE: RFC 7515, section 2. Without padding; a character of the other alphabet is refused.
//
// Threading: none of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::auth::token {

std::optional<std::string> from_base64url(std::string_view text);

}  // namespace caisson::auth::token
