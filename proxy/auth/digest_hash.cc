#include "auth/digest_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <optional>
#include <string>

#include "auth/evp.h"
#include "base/text.h"

namespace caisson::auth {
namespace {

constexpr std::size_t digest_size = SHA_DIGEST_LENGTH;

std::string_view behind_brace(std::string_view text) noexcept { return text.substr(text.find('}') + 1); }

// Base64 of the digest and, for {SSHA}, of the salt behind it.
bool digest_matches(std::string_view text, std::string_view password) {
  const std::optional<std::string> stored = text::from_base64(behind_brace(text));
  if (!stored || stored->size() < digest_size) return false;
  const std::string_view salt = std::string_view(*stored).substr(digest_size);
  Digest sha1(EVP_sha1());
  sha1.start();
  sha1.add(password);
  sha1.add(salt);
  std::array<unsigned char, digest_size> computed;
  sha1.finish(computed.data());
  return CRYPTO_memcmp(computed.data(), stored->data(), digest_size) == 0;
}

Error damaged(std::string_view scheme) {
  return {ErrorCode::BadConfig, "its " + std::string(scheme) + " hash is damaged (cut off, or not base64)"};
}

}  // namespace

Result<HashCost> examine_sha1(std::string_view text) {
  const auto stored = text::from_base64(behind_brace(text));
  if (!stored || stored->size() != digest_size) return damaged("{SHA}");
  return HashCost{};
}

Result<HashCost> examine_salted_sha1(std::string_view text) {
  const auto stored = text::from_base64(behind_brace(text));
  if (!stored || stored->size() < digest_size) return damaged("{SSHA}");
  return HashCost{};
}

Result<HashCost> examine_plain(std::string_view) { return HashCost{}; }

bool sha1_matches(std::string_view text, std::string_view password) { return digest_matches(text, password); }

bool salted_sha1_matches(std::string_view text, std::string_view password) { return digest_matches(text, password); }

bool plain_matches(std::string_view text, std::string_view password) { return same_text(behind_brace(text), password); }

bool same_text(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace caisson::auth
