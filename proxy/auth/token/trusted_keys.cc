#include "auth/token/trusted_keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <array>

#include "auth/token/jwk.h"
#include "base/text.h"

namespace caisson::auth::token {
namespace {

using Certificate = std::unique_ptr<X509, FreeWith<&X509_free>>;

Error denied(std::string_view why) { return {ErrorCode::Denied, std::string(why)}; }

// Why OpenSSL refused, from its queue, which is emptied.
std::string reason() {
  const char* const text = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return text != nullptr ? text : "no reason given";
}

struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_pop_free(chain, &X509_free); }
};
using Chain = std::unique_ptr<STACK_OF(X509), FreeChain>;

Certificate parse_der(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  const bool whole = at == reinterpret_cast<const unsigned char*>(der.data()) + der.size();
  return whole ? std::move(certificate) : nullptr;
}

}  // namespace

std::string fingerprint(EVP_PKEY& key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(&key, &der);
  if (size <= 0) {
    ERR_clear_error();
    return {};
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(der, static_cast<std::size_t>(size), digest.data());
  OPENSSL_free(der);

  constexpr std::string_view base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  constexpr std::size_t counted = 30;
  std::string text;
  unsigned bits = 0;
  unsigned held = 0;
  std::size_t letters = 0;
  for (std::size_t i = 0; i < counted; ++i) {
    held = (held << 8U | digest[i]) & 0xfffU;
    for (bits += 8; bits >= 5; bits -= 5) {
      if (letters != 0 && letters % 4 == 0) text += ':';
      text += base32[held >> (bits - 5) & 31U];
      ++letters;
    }
  }
  return text;
}

Result<std::shared_ptr<const TrustedKeys>> TrustedKeys::parse(
    const std::vector<std::pair<std::string, std::string>>& files) {
  const std::shared_ptr<TrustedKeys> keys(new TrustedKeys());
  keys->roots_.reset(X509_STORE_new());
  if (!keys->roots_) return Error{ErrorCode::Io, "OpenSSL has no memory for certificates"};
  // Whatever is in the bundle is trusted, whether it signed itself or not.
  X509_STORE_set_flags(keys->roots_.get(), X509_V_FLAG_PARTIAL_CHAIN);
  for (const auto& [path, text] : files) {
    const bool key_set = text::trimmed(text, " \t\r\n").starts_with('{');
    auto added = key_set ? keys->add_key_set(text) : keys->add_certificates(text);
    if (!added.ok()) return std::move(added).error().in('"' + path + '"');
  }
  return std::shared_ptr<const TrustedKeys>(keys);
}

Result<void> TrustedKeys::add_certificates(const std::string& pem) {
  ERR_clear_error();
  std::unique_ptr<BIO, FreeWith<&BIO_free>> bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::size_t found = 0;
  // What is no certificate in the file is passed over, as registry:2 does.
  while (const Certificate certificate{PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)}) {
    EVP_PKEY* const key = X509_get_pubkey(certificate.get());
    if (key == nullptr || X509_STORE_add_cert(roots_.get(), certificate.get()) != 1) {
      EVP_PKEY_free(key);
      return Error{ErrorCode::BadConfig, "a certificate cannot be used: " + reason()};
    }
    by_id_.insert_or_assign(fingerprint(*key), shared_key(key));
    ++found;
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Error{ErrorCode::BadConfig, "a certificate cannot be read: " + reason()};
  }
  ERR_clear_error();
  if (found == 0) return Error{ErrorCode::BadConfig, "has no certificate"};
  return {};
}

Result<void> TrustedKeys::add_key_set(const std::string& text) {
  auto set = parse_jwk_set(text);
  if (!set.ok()) return Error{ErrorCode::BadConfig, set.error().what};
  if (set.value().empty()) return Error{ErrorCode::BadConfig, "has no key that signs tokens"};
  for (const Jwk& jwk : set.value()) {
    by_id_.insert_or_assign(fingerprint(*jwk.key), jwk.key);
    if (!jwk.kid.empty()) by_id_.insert_or_assign(jwk.kid, jwk.key);
  }
  return {};
}

Result<PublicKey> TrustedKeys::find(const KeyHint& hint) const {
  if (!hint.x5c.empty()) return verify_chain(hint.x5c);
  if (!hint.jwk.empty()) return find_brought(hint.jwk);
  if (hint.kid.empty()) return denied("it does not say which key has signed it");
  const auto found = by_id_.find(hint.kid);
  if (found == by_id_.end()) return denied("it names a key that is not trusted");
  return found->second;
}

Result<PublicKey> TrustedKeys::find_brought(const std::string& text) const {
  const auto brought = parse_jwk(text);
  if (!brought.ok()) return denied(brought.error().what);
  const std::string id = fingerprint(*brought.value().key);
  if (brought.value().x5c.empty()) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return denied("it brings a key that is not trusted");
    return found->second;
  }
  auto leaf = verify_chain(brought.value().x5c);
  if (leaf.ok() && fingerprint(*leaf.value()) != id) return denied("it brings a key that is not its certificate's");
  return leaf;
}

Result<PublicKey> TrustedKeys::verify_chain(const std::vector<std::string>& chain) const {
  const Certificate leaf = parse_der(chain.front());
  const Chain others(sk_X509_new_null());
  bool whole = leaf != nullptr && others != nullptr;
  for (std::size_t i = 1; whole && i < chain.size(); ++i) {
    Certificate each = parse_der(chain[i]);
    whole = each != nullptr && sk_X509_push(others.get(), each.get()) > 0;
    if (whole) each.release();
  }
  if (!whole) {
    ERR_clear_error();
    return denied("it brings a certificate that cannot be read");
  }
  const std::unique_ptr<X509_STORE_CTX, FreeWith<&X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  const bool led = check && X509_STORE_CTX_init(check.get(), roots_.get(), leaf.get(), others.get()) == 1 &&
                   X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  if (!led) {
    const int why = check ? X509_STORE_CTX_get_error(check.get()) : X509_V_ERR_OUT_OF_MEM;
    return denied(std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(why));
  }
  EVP_PKEY* const key = X509_get_pubkey(leaf.get());
  if (key == nullptr) return denied("its certificate has no key: " + reason());
  return shared_key(key);
}

}  // namespace caisson::auth::token
