// Decides whether a token is genuine and in force: signed by a key that is trusted, by this issuer, for this service,
// and neither early nor late. The signature is verified on a pool, never on a loop, and once: a token that was genuine
// a moment ago is so until it ends.
//
// Ownership: shared by the settings of all levels that name the same files; the pool outlives it. Threading: verify()
// on any loop's thread, hand_over() on any thread.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "auth/token/jwt.h"
#include "auth/token/token_cache.h"
#include "auth/token/trusted_keys.h"
#include "base/result.h"

namespace caisson::auth::token {

class TokenVerifier {
 public:
  using Time = TokenCache::Time;
  static constexpr std::chrono::seconds leeway{60};  // between clocks; registry:2's

  // `files`: path and text of certificates and key sets. `pool` may be null where nothing is verified. Errors:
  // BadConfig.
  static Result<std::shared_ptr<TokenVerifier>> make(std::vector<std::pair<std::string, std::string>> files,
                                                     async::BlockingPool* pool);

  // One of the files has changed. When its new text is of no use the keys stay as they are, with an error.
  Result<void> hand_over(const std::string& path, const std::string& text);

  struct Expected {
    std::string issuer;
    std::string service;
  };
  // The claims of a good token. Errors: BadRequest or Denied, and why, without any text of the token. Throws Busy when
  // the pool has no room.
  async::Task<Result<std::shared_ptr<const Claims>>> verify(std::string_view token, const Expected& expected, Time now);

 private:
  TokenVerifier(std::vector<std::pair<std::string, std::string>> files, std::shared_ptr<const TrustedKeys> keys,
                async::BlockingPool* pool)
      : pool_(pool), cache_(TokenCache::Limits{}), files_(std::move(files)), keys_(std::move(keys)) {}
  std::shared_ptr<const TrustedKeys> keys();

  async::BlockingPool* pool_;
  TokenCache cache_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> files_;
  std::shared_ptr<const TrustedKeys> keys_;
};

}  // namespace caisson::auth::token
