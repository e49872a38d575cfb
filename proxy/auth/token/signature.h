// Signatures of JSON Web Algorithms (RFC 7518, section 3): RSA by PKCS #1 and by PSS, and ECDSA. "none" and those with
// a shared secret are not among them.
//
// Ownership: keys are shared. Threading: a key is read by any number of threads at once.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string_view>

#include "base/result.h"

namespace caisson::auth::token {

using PublicKey = std::shared_ptr<EVP_PKEY>;

inline PublicKey shared_key(EVP_PKEY* owned) { return {owned, &EVP_PKEY_free}; }

// Whether `key` made the signature by this very algorithm. The algorithm has to be one for keys of this kind and curve.
// Errors: Denied, and why.
Result<void> verify_signature(std::string_view algorithm, EVP_PKEY& key, std::string_view signed_part,
                              std::string_view signature);

}  // namespace caisson::auth::token
