// The schemes that nginx marks by a name in braces: {SHA}, {SSHA} and {PLAIN} (ngx_crypt.c).
#pragma once

#include <string_view>

#include "auth/hash_scheme.h"
#include "base/result.h"

namespace caisson::auth {

Result<HashCost> examine_sha1(std::string_view text);
Result<HashCost> examine_salted_sha1(std::string_view text);
Result<HashCost> examine_plain(std::string_view text);

bool sha1_matches(std::string_view text, std::string_view password);
bool salted_sha1_matches(std::string_view text, std::string_view password);
bool plain_matches(std::string_view text, std::string_view password);

// Equality in a time that does not depend on where the two differ, only on their lengths.
bool same_text(std::string_view a, std::string_view b) noexcept;

}  // namespace caisson::auth
