// The schemes of crypt(5), checked by libxcrypt: bcrypt, md5-crypt, sha-crypt, yescrypt, scrypt and DES.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/hash_scheme.h"
#include "base/result.h"

namespace caisson::auth {

// Whether `text` is a whole hash of its scheme, and what checking it will cost. REQUIRES: its scheme's prefix.
Result<HashCost> examine_bcrypt(std::string_view text);
Result<HashCost> examine_md5_crypt(std::string_view text);
Result<HashCost> examine_sha256_crypt(std::string_view text);
Result<HashCost> examine_sha512_crypt(std::string_view text);
Result<HashCost> examine_yescrypt(std::string_view text);
Result<HashCost> examine_scrypt(std::string_view text);
Result<HashCost> examine_des_crypt(std::string_view text);

// Traditional DES crypt has no prefix, only a shape: 13 characters, the last of which carries two zero bits.
bool looks_like_des_crypt(std::string_view text) noexcept;
// The extended DES crypt of BSDi; recognised so that it is not taken for a password in clear.
bool looks_like_bsdi_crypt(std::string_view text) noexcept;

// Computes for as long as the hash's parameters ask.
bool crypt_matches(std::string_view text, std::string_view password);

// crypt(3): the hash of `password` by the scheme, parameters and salt of `setting`. Nothing when libxcrypt refuses
// them.
std::optional<std::string> crypt_with(std::string_view password, const std::string& setting);

}  // namespace caisson::auth
