// JSON Web Keys (RFC 7517; RFC 7518, section 6): the public ones of RSA and of the elliptic curves of ES256 to ES512.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/token/signature.h"
#include "base/result.h"

namespace caisson::auth::token {

struct Jwk {
  PublicKey key;
  std::string kid;
  std::vector<std::string> x5c;  // DER
};

// Errors: BadRequest, and why.
Result<Jwk> parse_jwk(std::string_view text);
// The keys of a set that signatures can be verified with; others in it are passed over.
Result<std::vector<Jwk>> parse_jwk_set(std::string_view text);

}  // namespace caisson::auth::token
