// A certificate chain with its private key, from PEM text. Files are read elsewhere, by who has the rights to.
//
// Ownership: values that share OpenSSL's reference-counted objects. Threading: build one per loop thread, since OpenSSL
// takes locks on shared objects.
// Errors:    in nginx's words, plus what is needed.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::tls {

using X509Handle = std::unique_ptr<X509, FreeWith<&X509_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>>;

// What ssl_certificate and ssl_certificate_key name, read.
struct CertificatePem {
  std::string chain;                     // the leaf first, then its issuers
  std::string key;                       // may be the same text as `chain`
  std::string chain_path;                // for messages
  std::string key_path;                  // for messages
  std::vector<std::string> passwords{};  // for the key, tried in this order (ssl_password_file)
};

class Certificate {
 public:
  // The chain and its key, which match. The error is what nginx says after "[emerg] ".
  static Result<Certificate> load(const CertificatePem& pem);

  X509* leaf() const noexcept { return chain_.front().get(); }
  const std::vector<X509Handle>& chain() const noexcept { return chain_; }
  EVP_PKEY* key() const noexcept { return key_.get(); }

  // Names that clients may find the server under: DNS names (also "*.example.com") and IP addresses.
  std::vector<std::string> alternative_names() const;
  std::chrono::system_clock::time_point expires() const;
  // SHA-256 of the leaf.
  std::string fingerprint() const;

  // What works as far as OpenSSL goes, but fails with real clients: no subjectAltName (Docker refuses a common name),
  // none of the names matches `server_names`, an incomplete chain, expired, expires soon. One sentence each, with what
  // mends it. Names that no certificate can hold ("_", "", regexes) are passed over.
  std::vector<std::string> advice(const std::vector<std::string>& server_names,
                                  std::chrono::system_clock::time_point now) const;

 private:
  Certificate() = default;
  std::vector<X509Handle> chain_;
  KeyHandle key_;
  std::string path_;
};

}  // namespace caisson::tls
