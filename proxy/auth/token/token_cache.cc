#include "auth/token/token_cache.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

namespace caisson::auth::token {

TokenCache::Key TokenCache::key_of(std::string_view token) {
  Key key;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), key.data());
  return key;
}

std::shared_ptr<const Claims> TokenCache::find(std::string_view token, const TrustedKeys& keys, Time now) {
  const Key key = key_of(token);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || found->second.keys.get() != &keys || now >= found->second.ends) return nullptr;
  return found->second.claims;
}

void TokenCache::remember(std::string_view token, std::shared_ptr<const TrustedKeys> keys,
                          std::shared_ptr<const Claims> claims, Time now) {
  if (token.size() > limits_.bytes || limits_.entries == 0) return;
  const Key key = key_of(token);
  Entry entry{std::move(keys), std::move(claims), now + limits_.age, token.size()};
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(key); found != entries_.end()) {
    found->second = std::move(entry);  // its keys were renewed, or it was verified twice at the same time
    return;
  }
  while (entries_.size() >= limits_.entries || bytes_ + token.size() > limits_.bytes) drop_oldest();
  bytes_ += token.size();
  entries_.emplace(key, std::move(entry));
  by_age_.push_back(key);
}

void TokenCache::drop_oldest() {
  const auto oldest = entries_.find(by_age_.front());
  bytes_ -= oldest->second.bytes;
  entries_.erase(oldest);
  by_age_.pop_front();
}

}  // namespace caisson::auth::token
