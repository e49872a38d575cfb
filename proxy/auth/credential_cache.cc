#include "auth/credential_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace caisson::auth {

CredentialCache::CredentialCache(Limits limits) : limits_(limits) {
  if (RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) != 1) {
    throw std::runtime_error("no randomness for the credential cache's key");
  }
}

CredentialCache::~CredentialCache() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

CredentialCache::Key CredentialCache::key(std::string_view user, std::string_view hash_line,
                                          std::string_view password) const {
  // Each part behind its length: ("ab", "c") must not be ("a", "bc").
  std::string message;
  message.reserve(3 * sizeof(std::uint64_t) + user.size() + hash_line.size() + password.size());
  for (const std::string_view part : {user, hash_line, password}) {
    const std::uint64_t size = part.size();
    message.append(reinterpret_cast<const char*>(&size), sizeof size);
    message.append(part);
  }
  Key made;
  unsigned made_size = made.size();
  const auto* done =
      HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(), made.data(), &made_size);
  OPENSSL_cleanse(message.data(), message.size());
  if (done == nullptr) throw std::runtime_error("OpenSSL cannot compute HMAC-SHA-256");
  return made;
}

bool CredentialCache::holds(const Key& key, Clock::time_point now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.ends.find(key);
  return found != shard.ends.end() && now < found->second;
}

void CredentialCache::remember(const Key& key, Clock::time_point now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const std::size_t room = std::max<std::size_t>(1, limits_.entries / shard_count);
  // All live equally long, so the oldest is also the first to end.
  const auto drop_oldest = [&] {
    shard.ends.erase(shard.by_age.front());
    shard.by_age.pop_front();
  };
  while (!shard.by_age.empty() && shard.ends.at(shard.by_age.front()) <= now) drop_oldest();
  if (shard.ends.contains(key)) return;  // it ends when it was to end: a credential in use is checked again too
  if (shard.ends.size() == room) drop_oldest();
  shard.ends.emplace(key, now + limits_.age);
  shard.by_age.push_back(key);
}

}  // namespace caisson::auth
