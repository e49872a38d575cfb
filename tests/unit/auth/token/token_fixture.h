// Keys, certificates and tokens made in the test, good ones and forged ones.
#pragma once

#include <doctest/doctest.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token/trusted_keys.h"
#include "base/text.h"

namespace token_test {

using caisson::auth::token::PublicKey;

inline std::string base64url(std::string_view bytes) {
  std::string made = caisson::text::to_base64(caisson::text::bytes_of(bytes));
  std::replace(made.begin(), made.end(), '+', '-');
  std::replace(made.begin(), made.end(), '/', '_');
  while (made.ends_with('=')) made.pop_back();
  return made;
}

template <class Write>
std::string written(Write write) {
  const std::unique_ptr<BIO, caisson::FreeWith<&BIO_free>> bio(BIO_new(BIO_s_mem()));
  REQUIRE(write(bio.get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

// A private key with a certificate, signed by `issuer` or by itself.
class Signer {
 public:
  struct How {
    const Signer* issuer = nullptr;
    bool authority = true;
    long ends_after = 3600;  // seconds
  };

  static Signer rsa(const How& how) { return Signer(EVP_RSA_gen(2048), how); }
  static Signer rsa() { return rsa(How{}); }
  static Signer ec(const char* curve) { return Signer(EVP_EC_gen(curve), How{}); }

  EVP_PKEY* key() const { return key_.get(); }
  std::string id() const { return caisson::auth::token::fingerprint(*key_); }
  std::string pem() const {
    return written([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate_.get()); });
  }
  std::string public_pem() const {
    return written([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key_.get()); });
  }
  // One element of x5c, in its quotes.
  std::string x5c() const {
    const std::string der = written([&](BIO* bio) { return i2d_X509_bio(bio, certificate_.get()); });
    return '"' + caisson::text::to_base64(caisson::text::bytes_of(der)) + '"';
  }

  std::string jwk(const std::string& more = "") const {
    if (EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA) {
      return R"({"kty":"RSA","n":")" + base64url(number("n")) + R"(","e":")" + base64url(number("e")) + '"' + more +
             '}';
    }
    std::string point(133, '\0');
    std::size_t size = 0;
    REQUIRE(EVP_PKEY_get_octet_string_param(key_.get(), "pub", reinterpret_cast<unsigned char*>(point.data()),
                                            point.size(), &size) == 1);
    const std::size_t half = (size - 1) / 2;
    const std::string curve = half == 32 ? "P-256" : half == 48 ? "P-384" : "P-521";
    return R"({"kty":"EC","crv":")" + curve + R"(","x":")" + base64url(point.substr(1, half)) + R"(","y":")" +
           base64url(point.substr(1 + half, half)) + '"' + more + '}';
  }

  std::string sign(std::string_view algorithm, std::string_view text) const {
    const std::string digest = "SHA" + std::string(algorithm.substr(2));
    const std::unique_ptr<EVP_MD_CTX, caisson::FreeWith<&EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;
    REQUIRE(EVP_DigestSignInit_ex(context.get(), &options, digest.c_str(), nullptr, nullptr, key(), nullptr) == 1);
    if (algorithm.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string made(1024, '\0');
    std::size_t size = made.size();
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(made.data()), &size,
                           reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
    made.resize(size);
    return EVP_PKEY_get_base_id(key()) == EVP_PKEY_EC ? raw(made) : made;
  }

 private:
  Signer(EVP_PKEY* key, const How& how) : key_(key, &EVP_PKEY_free), certificate_(X509_new(), &X509_free) {
    REQUIRE(key != nullptr);
    static long serial = 1;
    X509* const x = certificate_.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), how.ends_after);
    const std::string name = "signer " + std::to_string(serial++);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(how.issuer != nullptr ? how.issuer->certificate_.get() : x));
    X509_set_pubkey(x, key);
    const std::unique_ptr<X509_EXTENSION, caisson::FreeWith<&X509_EXTENSION_free>> constraints(X509V3_EXT_conf_nid(
        nullptr, nullptr, NID_basic_constraints, how.authority ? "critical,CA:TRUE" : "critical,CA:FALSE"));
    X509_add_ext(x, constraints.get(), -1);
    REQUIRE(X509_sign(x, how.issuer != nullptr ? how.issuer->key() : key, EVP_sha256()) > 0);
  }

  std::string number(const char* name) const {
    BIGNUM* value = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(value);
    return bytes;
  }

  std::string raw(const std::string& der) const {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, caisson::FreeWith<&ECDSA_SIG_free>> signature(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    const int scalar = (EVP_PKEY_get_bits(key()) + 7) / 8;
    std::string made(2 * static_cast<std::size_t>(scalar), '\0');
    auto* to = reinterpret_cast<unsigned char*>(made.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), to, scalar);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), to + scalar, scalar);
    return made;
  }

  PublicKey key_;
  std::shared_ptr<X509> certificate_;
};

// What a good token says; `time` is now.
inline std::string claims(std::time_t time, const std::string& changed = "") {
  return R"({"iss":"issuer","sub":"jane","aud":"service","exp":)" + std::to_string(time + 300) + R"(,"nbf":)" +
         std::to_string(time - 10) + R"(,"access":[{"type":"repository","name":"a","actions":["pull"]}])" + changed +
         '}';
}

inline std::string signed_part(const std::string& header, const std::string& payload) {
  return base64url(header) + '.' + base64url(payload);
}

// `hint` says which key: "\"kid\":\"...\"".
inline std::string token(const Signer& signer, const std::string& payload, const std::string& hint,
                         const std::string& algorithm = "RS256") {
  const std::string text =
      signed_part(R"({"typ":"JWT","alg":")" + algorithm + '"' + (hint.empty() ? "" : "," + hint) + '}', payload);
  return text + '.' + base64url(signer.sign(algorithm, text));
}

inline std::string kid(const Signer& signer) { return R"("kid":")" + signer.id() + '"'; }

}  // namespace token_test
