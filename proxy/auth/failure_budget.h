// How many wrong passwords a source address may try, and how fast: a bucket of attempts for each address that fills up
// again with time. Every check takes one attempt and a right password gives it back, so only failures cost. An address
// that has none left is made to wait, or is refused when too many of its attempts wait already: a flood of wrong
// passwords slows itself, and nobody else.
//
// IPv6 addresses count by their /64, which is what one customer has. Where all clients come through one balancer, they
// share one budget; credentials in the cache never touch it.
//
// Ownership: one for all loops. Threading: any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace caisson::auth {

class FailureBudget {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    double burst = 50;           // failures at once
    double per_second = 10;      // failures in the long run
    double waiting = 50;         // attempts of one address that wait for their turn
    std::size_t sources = 8192;  // addresses with failures; further ones share one budget while the table is full
  };

  explicit FailureBudget(Limits limits) : limits_(limits) {}

  struct Turn {
    bool granted = true;
    // Granted: the attempt may start after that long. Not granted: no use trying before that.
    Clock::duration wait{};
  };
  // `source` is an address as text; anything that is none ("unix:") counts as one source.
  Turn take(std::string_view source, Clock::time_point now);
  // The attempt was no failure: the password was right, or nobody looked at it.
  void give_back(std::string_view source, Clock::time_point now);

 private:
  struct Bucket {
    double attempts;  // below zero: that many wait
    Clock::time_point filled;
  };
  Bucket& bucket_of(std::string_view source, Clock::time_point now);
  double attempts_at(const Bucket& bucket, Clock::time_point now) const noexcept;
  void fill(Bucket& bucket, Clock::time_point now) const noexcept;
  void forget_full(Clock::time_point now);

  const Limits limits_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
  Clock::time_point swept_{};
};

// The part of an address that shares a budget, as bytes: all of an IPv4 address (also when mapped into IPv6), the first
// half of an IPv6 one, the text itself otherwise.
std::string budget_key(std::string_view source);

}  // namespace caisson::auth
