// The keys that tokens may be signed with: those of a bundle of certificates, those whose certificates lead up to one
// of the bundle, and those of a JSON Web Key Set. A token names its key, it never brings one: whatever it carries, the
// key that is used is found here, or in a certificate that was verified from here.
//
// Ownership: immutable after parse(), shared. Threading: any thread.
#pragma once

#include <openssl/x509_vfy.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/token/jwt.h"
#include "auth/token/signature.h"
#include "base/handle.h"
#include "base/result.h"

namespace caisson::auth::token {

class TrustedKeys {
 public:
  // Path and text of each file: certificates in PEM, or a JSON Web Key Set. Errors: BadConfig, with the file.
  static Result<std::shared_ptr<const TrustedKeys>> parse(
      const std::vector<std::pair<std::string, std::string>>& files);

  // Errors: Denied, and why.
  Result<PublicKey> find(const KeyHint& hint) const;

 private:
  TrustedKeys() = default;
  Result<void> add_certificates(const std::string& pem);
  Result<void> add_key_set(const std::string& text);
  Result<PublicKey> verify_chain(const std::vector<std::string>& chain) const;
  Result<PublicKey> find_brought(const std::string& jwk) const;

  std::unique_ptr<X509_STORE, FreeWith<&X509_STORE_free>> roots_;
  std::map<std::string, PublicKey> by_id_;  // fingerprints, and the names in key sets
};

// The name that docker's libtrust gives a key: of the SHA-256 of its SubjectPublicKeyInfo the first 30 bytes in base32,
// in groups of four with ":" between.
std::string fingerprint(EVP_PKEY& key);

}  // namespace caisson::auth::token
