// OpenSSL's digests without their ceremony: one context that is used again and again.
//
// Ownership: a value that cannot be copied. Threading: one at a time. Errors: throws std::runtime_error when OpenSSL
// refuses the algorithm (a FIPS provider without MD5) or is out of memory.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <stdexcept>
#include <string_view>

#include "base/handle.h"

namespace caisson::auth {

class Digest {
 public:
  explicit Digest(const EVP_MD* algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
    need(context_ != nullptr);
  }

  void start() { need(EVP_DigestInit_ex2(context_.get(), algorithm_, nullptr) == 1); }
  void add(std::string_view bytes) { need(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }
  // Writes as many bytes as the algorithm's digest has.
  void finish(unsigned char* out) { need(EVP_DigestFinal_ex(context_.get(), out, nullptr) == 1); }

 private:
  static void need(bool done) {
    if (!done) throw std::runtime_error("OpenSSL does not offer a digest that a password hash needs");
  }

  const EVP_MD* algorithm_;
  std::unique_ptr<EVP_MD_CTX, FreeWith<&EVP_MD_CTX_free>> context_;
};

}  // namespace caisson::auth
