#include "registry/store/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/handle.h"
#include "base/text.h"

namespace caisson::registry::store {
namespace {

using FetchedAlgorithm = std::unique_ptr<EVP_MD, FreeWith<&EVP_MD_free>>;

// OpenSSL 3.0 looks an algorithm up under a lock each time it is named: fetched once, it costs nothing afterwards.
const EVP_MD* fetched(Algorithm algorithm) {
  static const FetchedAlgorithm sha256(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  static const FetchedAlgorithm sha512(EVP_MD_fetch(nullptr, "SHA512", nullptr));
  return algorithm == Algorithm::Sha256 ? sha256.get() : sha512.get();
}

constexpr std::size_t hex_length(Algorithm algorithm) noexcept { return algorithm == Algorithm::Sha256 ? 64 : 128; }

bool is_lower_hex(char c) noexcept { return text::is_digit(c) || (c >= 'a' && c <= 'f'); }

void require(int openssl_result) {
  if (openssl_result != 1) throw std::runtime_error("OpenSSL refused a digest operation");
}

}  // namespace

std::string_view to_string(Algorithm algorithm) noexcept {
  return algorithm == Algorithm::Sha256 ? "sha256" : "sha512";
}

std::optional<Algorithm> parse_algorithm(std::string_view text) noexcept {
  if (text == "sha256") return Algorithm::Sha256;
  if (text == "sha512") return Algorithm::Sha512;
  return std::nullopt;
}

Result<Digest> Digest::parse(std::string_view text) {
  const auto refused = [&] { return Error{ErrorCode::BadRequest, "not a supported digest"}; };
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return refused();
  const std::optional<Algorithm> algorithm = parse_algorithm(text.substr(0, colon));
  const std::string_view hex = text.substr(colon + 1);
  if (!algorithm || hex.size() != hex_length(*algorithm)) return refused();
  if (!std::all_of(hex.begin(), hex.end(), is_lower_hex)) return refused();
  return Digest(*algorithm, std::string(text));
}

bool Digest::is_of_nothing() const {
  static const Digest sha256 = digest_of(Algorithm::Sha256, {});
  static const Digest sha512 = digest_of(Algorithm::Sha512, {});
  return *this == sha256 || *this == sha512;
}

void Hasher::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Hasher::Hasher(Algorithm algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  require(EVP_DigestInit_ex2(context_.get(), fetched(algorithm), nullptr));
}

void Hasher::update(std::span<const std::byte> bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

Hasher Hasher::copy() const {
  Hasher other(algorithm_, EVP_MD_CTX_new());
  if (!other.context_) throw std::bad_alloc();
  require(EVP_MD_CTX_copy_ex(other.context_.get(), context_.get()));
  return other;
}

Digest Hasher::digest() const {
  const Hasher finished = copy();
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(finished.context_.get(), raw.data(), &size));
  std::string name(to_string(algorithm_));
  name += ':';
  name += text::to_hex(std::as_bytes(std::span(raw.data(), size)));
  return Digest(algorithm_, std::move(name));
}

Digest digest_of(Algorithm algorithm, std::span<const std::byte> bytes) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

}  // namespace caisson::registry::store
