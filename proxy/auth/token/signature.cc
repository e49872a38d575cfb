#include "auth/token/signature.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/handle.h"

namespace caisson::auth::token {
namespace {

struct Algorithm {
  std::string_view name;
  enum class Kind { Pkcs1, Pss, Ecdsa } kind;
  const char* digest;
  std::string_view curve;  // OpenSSL's name
  std::size_t scalar;      // bytes of r, and of s
};

using enum Algorithm::Kind;
constexpr std::array algorithms = {
    Algorithm{"RS256", Pkcs1, "SHA256", "", 0},
    Algorithm{"RS384", Pkcs1, "SHA384", "", 0},
    Algorithm{"RS512", Pkcs1, "SHA512", "", 0},
    Algorithm{"PS256", Pss, "SHA256", "", 0},
    Algorithm{"PS384", Pss, "SHA384", "", 0},
    Algorithm{"PS512", Pss, "SHA512", "", 0},
    Algorithm{"ES256", Ecdsa, "SHA256", "prime256v1", 32},
    Algorithm{"ES384", Ecdsa, "SHA384", "secp384r1", 48},
    Algorithm{"ES512", Ecdsa, "SHA512", "secp521r1", 66},
};

bool fits(const Algorithm& algorithm, EVP_PKEY& key) {
  const int kind = EVP_PKEY_get_base_id(&key);
  if (algorithm.kind == Pkcs1) return kind == EVP_PKEY_RSA;
  if (algorithm.kind == Pss) return kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS;
  std::array<char, 64> curve{};
  std::size_t size = 0;
  return kind == EVP_PKEY_EC && EVP_PKEY_get_group_name(&key, curve.data(), curve.size(), &size) == 1 &&
         std::string_view(curve.data(), size) == algorithm.curve;
}

// r and s side by side (RFC 7518, section 3.4), as OpenSSL wants them.
std::optional<std::string> der_of(std::string_view raw, std::size_t scalar) {
  if (raw.size() != 2 * scalar) return std::nullopt;
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  const int size = static_cast<int>(scalar);
  std::unique_ptr<ECDSA_SIG, FreeWith<&ECDSA_SIG_free>> signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(bytes, size, nullptr);
  BIGNUM* s = BN_bin2bn(bytes + scalar, size, nullptr);
  if (!signature || r == nullptr || s == nullptr || ECDSA_SIG_set0(signature.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  unsigned char* der = nullptr;
  const int der_size = i2d_ECDSA_SIG(signature.get(), &der);
  if (der_size <= 0) return std::nullopt;
  std::string made(reinterpret_cast<const char*>(der), static_cast<std::size_t>(der_size));
  OPENSSL_free(der);
  return made;
}

bool verifies(const Algorithm& algorithm, EVP_PKEY& key, std::string_view signed_part, std::string_view signature) {
  std::unique_ptr<EVP_MD_CTX, FreeWith<&EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  if (!context ||
      EVP_DigestVerifyInit_ex(context.get(), &options, algorithm.digest, nullptr, nullptr, &key, nullptr) != 1) {
    return false;
  }
  if (algorithm.kind == Pss && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
                                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size()) == 1;
}

}  // namespace

Result<void> verify_signature(std::string_view algorithm, EVP_PKEY& key, std::string_view signed_part,
                              std::string_view signature) {
  const auto denied = [](std::string_view why) { return Error{ErrorCode::Denied, std::string(why)}; };
  const auto known =
      std::find_if(algorithms.begin(), algorithms.end(), [&](const Algorithm& each) { return each.name == algorithm; });
  if (known == algorithms.end()) return denied("no signature of that algorithm counts");
  if (!fits(*known, key)) return denied("the algorithm is not one for that key");
  std::string der;
  if (known->kind == Ecdsa) {
    auto made = der_of(signature, known->scalar);
    if (!made) return denied("the signature has a wrong size");
    der = std::move(*made);
    signature = der;
  }
  const bool right = verifies(*known, key, signed_part, signature);
  ERR_clear_error();
  if (!right) return denied("the signature is wrong");
  return {};
}

}  // namespace caisson::auth::token
