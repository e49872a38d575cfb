// Credentials that were right a short while ago, so that a push of a hundred requests pays for one password hash.
//
// What is kept is HMAC-SHA-256(key made at start; user, hash line, password): no password, and nothing that a memory
// dump without the key, or the next process, could use. The hash line is a part of it, so an entry is never found again
// once the user's line is changed or gone: there is nothing to invalidate when a file changes.
//
// Ownership: one for all loops, outlives them. Threading: any thread; sharded, no call holds a lock for longer than a
// hash map's operation.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <deque>
#include <mutex>
#include <string_view>
#include <unordered_map>

namespace caisson::auth {

class CredentialCache {
 public:
  using Clock = std::chrono::steady_clock;
  using Key = std::array<unsigned char, 32>;
  // A key is uniformly random to whoever lacks the HMAC key: any eight bytes of it are its hash.
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      std::size_t hash = 0;
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };

  struct Limits {
    std::size_t entries = 16384;  // when full, the oldest goes first; about 2 MiB
    std::chrono::seconds age = std::chrono::minutes(10);
  };

  // Throws std::runtime_error when the system has no randomness.
  explicit CredentialCache(Limits limits);
  ~CredentialCache();
  CredentialCache(const CredentialCache&) = delete;
  CredentialCache& operator=(const CredentialCache&) = delete;

  Key key(std::string_view user, std::string_view hash_line, std::string_view password) const;

  bool holds(const Key& key, Clock::time_point now);
  void remember(const Key& key, Clock::time_point now);

 private:
  static constexpr std::size_t shard_count = 16;
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Key, Clock::time_point, KeyHash> ends;
    std::deque<Key> by_age;  // each key of `ends` once, the oldest first
  };
  Shard& shard_of(const Key& key) noexcept { return shards_[key.back() % shard_count]; }

  const Limits limits_;
  std::array<unsigned char, 32> secret_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace caisson::auth
