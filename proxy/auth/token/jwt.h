// A JSON Web Token in its compact form (RFC 7515, RFC 7519), as a registry's token server gives it: what it says of its
// signature, and what it claims. Nothing of it is to be believed before its signature was verified.
//
// Ownership: plain values. Threading: none of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace caisson::auth::token {

// Bytes of a token. One with a chain of certificates and the rights to hundreds of repositories stays below.
inline constexpr std::size_t most_token_bytes = 64 * 1024;

// Which key has signed: of several hints the first counts, x5c, jwk, kid, as for registry:2.
struct KeyHint {
  std::vector<std::string> x5c;  // certificates in DER, the signer's first
  std::string jwk;               // the key itself, as JSON
  std::string kid;
};

// RFC 7519, section 4.1, and the "access" claim of docker's token authentication.
struct Claims {
  struct Grant {
    std::string type;
    std::string name;
    std::vector<std::string> actions;
  };
  std::string issuer;
  std::string subject;
  std::vector<std::string> audience;
  // Seconds since 1970. A token without an end has ended.
  std::int64_t expires = 0;
  std::int64_t not_before = 0;
  std::vector<Grant> access;

  // Whether some grant of that very resource has the action, or "*".
  bool allow(std::string_view type, std::string_view name, std::string_view action) const noexcept;
};

struct Jwt {
  std::string algorithm;
  KeyHint hint;
  Claims claims;
  std::string signed_part;  // the bytes that the signature is of
  std::string signature;
};

// Errors: BadRequest, and why, without any of the token's own text.
Result<Jwt> parse_jwt(std::string_view text);

}  // namespace caisson::auth::token
