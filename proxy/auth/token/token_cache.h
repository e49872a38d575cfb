// Tokens whose signature was verified, until they end: a push of a hundred requests pays for one verification.
//
// What is kept of a token is its SHA-256 and its claims.
//
// Ownership: one for all loops, outlives them. Threading: any thread; no call holds the lock for longer than a map's
// operation.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "auth/token/jwt.h"

namespace caisson::auth::token {

class TrustedKeys;

class TokenCache {
 public:
  using Time = std::chrono::system_clock::time_point;
  struct Limits {
    std::size_t entries = 8192;                 // when full, the oldest goes first
    std::size_t bytes = std::size_t{16} << 20;  // of the tokens that are remembered
    // A certificate that led to the key could end before the token does.
    std::chrono::seconds age = std::chrono::minutes(30);
  };

  explicit TokenCache(Limits limits) : limits_(limits) {}

  // The claims of a token that was verified with these very keys; null when it was not, or is over.
  std::shared_ptr<const Claims> find(std::string_view token, const TrustedKeys& keys, Time now);
  void remember(std::string_view token, std::shared_ptr<const TrustedKeys> keys, std::shared_ptr<const Claims> claims,
                Time now);

 private:
  using Key = std::array<unsigned char, 32>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      std::size_t hash = 0;
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  struct Entry {
    std::shared_ptr<const TrustedKeys> keys;
    std::shared_ptr<const Claims> claims;
    Time ends;
    std::size_t bytes;
  };
  static Key key_of(std::string_view token);
  void drop_oldest();

  const Limits limits_;
  std::mutex mutex_;
  std::unordered_map<Key, Entry, KeyHash> entries_;
  std::deque<Key> by_age_;  // each key of `entries_` once, the oldest first
  std::size_t bytes_ = 0;
};

}  // namespace caisson::auth::token
