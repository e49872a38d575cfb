#include "auth/argon2_hash.h"

#include <argon2.h>
#include <openssl/crypto.h>

#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"

namespace caisson::auth {
namespace {

struct Argon2Hash {
  argon2_type type = Argon2_id;
  std::uint32_t version = ARGON2_VERSION_10;  // what a hash without "v=" means
  std::uint32_t memory = 0;                   // KiB
  std::uint32_t passes = 0;
  std::uint32_t lanes = 0;
  std::string salt;
  std::string tag;
};

// Takes "<name><digits>" and then `end` from the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view name, char end) {
  if (!text.starts_with(name)) return std::nullopt;
  const std::size_t stop = text.find(end);
  if (stop == std::string_view::npos) return std::nullopt;
  const auto value = text::to_number(text.substr(name.size(), stop - name.size()));
  if (!value || *value > UINT32_MAX) return std::nullopt;
  text.remove_prefix(stop + 1);
  return static_cast<std::uint32_t>(*value);
}

std::optional<Argon2Hash> decode(std::string_view text) {
  Argon2Hash hash;
  const std::size_t end_of_type = text.find('$', 1);
  const std::string_view type = text.substr(1, end_of_type - 1);
  hash.type = type == "argon2id" ? Argon2_id : type == "argon2i" ? Argon2_i : Argon2_d;
  text.remove_prefix(end_of_type + 1);

  if (text.starts_with("v=")) {
    const auto version = take_number(text, "v=", '$');
    if (!version) return std::nullopt;
    hash.version = *version;
  }
  const auto memory = take_number(text, "m=", ',');
  const auto passes = memory ? take_number(text, "t=", ',') : std::nullopt;
  const auto lanes = passes ? take_number(text, "p=", '$') : std::nullopt;
  if (!lanes) return std::nullopt;
  hash.memory = *memory;
  hash.passes = *passes;
  hash.lanes = *lanes;

  const std::size_t dollar = text.find('$');
  if (dollar == std::string_view::npos) return std::nullopt;
  auto salt = text::from_base64(text.substr(0, dollar));
  auto tag = text::from_base64(text.substr(dollar + 1));
  if (!salt || !tag) return std::nullopt;
  hash.salt = std::move(*salt);
  hash.tag = std::move(*tag);
  return hash;
}

// RFC 9106 section 3.1, but for tags of less than 16 bytes, which guessing could hit.
bool has_sound_parameters(const Argon2Hash& hash) {
  return (hash.version == ARGON2_VERSION_10 || hash.version == ARGON2_VERSION_13) && hash.passes >= 1 &&
         hash.lanes >= 1 && hash.lanes <= 255 && hash.memory >= 8 * hash.lanes && hash.salt.size() >= 8 &&
         hash.salt.size() <= 64 && hash.tag.size() >= 16 && hash.tag.size() <= 128;
}

Error refused(std::string why) { return {ErrorCode::BadConfig, std::move(why)}; }

}  // namespace

Result<HashCost> examine_argon2(std::string_view text) {
  const auto hash = decode(text);
  if (!hash || !has_sound_parameters(*hash)) {
    return refused("its Argon2 hash is damaged, or not of the form $argon2id$v=19$m=...,t=...,p=...$salt$tag");
  }
  const std::uint64_t memory = std::uint64_t{hash->memory} << 10;
  if (memory > max_hash_memory) {
    return refused("checking its Argon2 hash would take more than " + std::to_string(max_hash_memory >> 20) +
                   " MiB of memory (m over " + std::to_string(max_hash_memory >> 10) + ")");
  }
  if (hash->passes > max_argon2_traffic / memory) {
    return refused("checking its Argon2 hash would take too long (m times t over " +
                   std::to_string(max_argon2_traffic >> 10) + ")");
  }
  return HashCost{std::to_string(hash->memory) + ' ' + std::to_string(hash->passes) + ' ' + std::to_string(hash->lanes),
                  memory};
}

bool argon2_matches(std::string_view text, std::string_view password) {
  auto hash = decode(text);
  if (!hash) return false;
  std::vector<unsigned char> phrase(password.begin(), password.end());  // the interface wants it writable
  std::vector<unsigned char> computed(hash->tag.size());
  argon2_context context{};
  context.out = computed.data();
  context.outlen = static_cast<std::uint32_t>(computed.size());
  context.pwd = phrase.data();
  context.pwdlen = static_cast<std::uint32_t>(phrase.size());
  context.salt = reinterpret_cast<unsigned char*>(hash->salt.data());
  context.saltlen = static_cast<std::uint32_t>(hash->salt.size());
  context.t_cost = hash->passes;
  context.m_cost = hash->memory;
  context.lanes = hash->lanes;
  context.threads = 1;  // the lanes one after the other: the pool alone decides how many cores hashing gets
  context.version = hash->version;
  context.flags = ARGON2_DEFAULT_FLAGS;
  const int outcome = argon2_ctx(&context, hash->type);
  OPENSSL_cleanse(phrase.data(), phrase.size());
  // Out of memory must not read as a wrong password: it would count against the user's address.
  if (outcome == ARGON2_MEMORY_ALLOCATION_ERROR) throw std::bad_alloc();
  return outcome == ARGON2_OK && CRYPTO_memcmp(computed.data(), hash->tag.data(), computed.size()) == 0;
}

}  // namespace caisson::auth
