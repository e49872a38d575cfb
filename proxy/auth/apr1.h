// Apache's MD5 scheme, "$apr1$salt$checksum": md5-crypt with a prefix of its own, which no C library knows. The default
// of older `htpasswd`, and what `openssl passwd -apr1` writes.
#pragma once

#include <string_view>

#include "auth/hash_scheme.h"
#include "base/result.h"

namespace caisson::auth {

Result<HashCost> examine_apr1(std::string_view text);
bool apr1_matches(std::string_view text, std::string_view password);

}  // namespace caisson::auth
