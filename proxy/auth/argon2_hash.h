// Argon2 (RFC 9106) in the encoded form of its reference implementation and of every other program:
// "$argon2id$v=19$m=65536,t=3,p=4$salt$tag", the last two in base64 without padding.
#pragma once

#include <string_view>

#include "auth/hash_scheme.h"
#include "base/result.h"

namespace caisson::auth {

Result<HashCost> examine_argon2(std::string_view text);
// Computes on the calling thread alone, whatever number of lanes the hash has.
bool argon2_matches(std::string_view text, std::string_view password);

}  // namespace caisson::auth
