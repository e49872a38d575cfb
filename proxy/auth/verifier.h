// Decides whether user and password are right, without ever stalling a loop:
//
// - a credential that was right a short while ago is right (CredentialCache);
// - hashes are computed on a pool whose queue is bounded; when it is full the answer is Busy;
// - checks of one credential that come together share one hashing, on whatever loops they are;
// - an unknown user costs what a wrong password costs;
// - failures have a budget per source address (FailureBudget);
// - memory-hard hashes together never hold more than a fixed amount of memory.
//
// Ownership: one for all loops; outlives every check. The pool outlives it.
// Threading: verify() on any loop's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "async/pool.h"
#include "async/task.h"
#include "auth/credential_cache.h"
#include "auth/failure_budget.h"
#include "auth/flights.h"
#include "auth/hash_scheme.h"
#include "auth/htpasswd.h"
#include "auth/memory_gate.h"

namespace caisson::auth {

struct Verdict {
  enum class Outcome : std::uint8_t {
    Accepted,
    Denied,
    Busy,  // nobody looked at the password: 503, Retry-After
  };
  Outcome outcome = Outcome::Denied;
  std::chrono::seconds retry_after{};  // Busy only; at least 1
};

class Verifier {
 public:
  struct Limits {
    CredentialCache::Limits cache{};
    FailureBudget::Limits failures{};
    std::uint64_t memory = max_hash_memory;  // bytes, of all hashes that are computed at one time
  };

  Verifier(async::BlockingPool& pool, Limits limits);

  // `user` and `password` hold until the task ends. `source` is the client's address. Throws Cancelled.
  async::Task<Verdict> verify(std::shared_ptr<const Htpasswd> users, std::string_view user, std::string_view password,
                              std::string_view source);

  // Hashes computed so far.
  std::uint64_t hashings() const noexcept { return hashings_.load(std::memory_order_relaxed); }

 private:
  async::BlockingPool& pool_;
  CredentialCache cache_;
  FailureBudget failures_;
  MemoryGate memory_;
  Flights flights_;
  std::atomic<std::uint64_t> hashings_ = 0;
};

}  // namespace caisson::auth
