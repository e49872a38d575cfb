// Names to addresses, through the system's resolver (/etc/hosts, /etc/resolv.conf, Docker's embedded server), whose
// calls block and so run on a pool. Answers are kept for a while: a request waits for a look-up only where there is no
// answer at all, an old answer is used while a new one is fetched, and the last good one outlives failures.
//
// Ownership: the pool outlives this. Give the resolver a pool of its own: a dead name server holds its threads for
//            many seconds.
// Threading: one loop; the cache is that loop's own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/loop.h"
#include "async/pool.h"
#include "base/result.h"
#include "net/address.h"

namespace caisson::net {

using Addresses = std::vector<Address>;

// Looks `host` up at once, blocking: for the start, before any loop runs. The error says "host not found" or what
// else the system's resolver said.
Result<Addresses> resolve_blocking(const std::string& host);

class Resolver {
 public:
  using Lookup = std::function<Result<Addresses>(const std::string& host)>;

  struct Answer {
    Addresses addresses;                          // never empty
    std::chrono::steady_clock::time_point since;  // when they were found
  };

  // `lookup` runs on the pool. An answer is renewed after `fresh_for`, a failure is asked about again after a second.
  Resolver(async::Loop& loop, async::BlockingPool& pool, std::chrono::milliseconds fresh_for = std::chrono::seconds(10),
           Lookup lookup = resolve_blocking);
  // The look-ups under way end first: destroy it after the loop has run out.
  ~Resolver();

  // The addresses of `host` with `port` set. The error's code is Busy when the pool has no room. Throws
  // async::Cancelled.
  async::Task<Result<Answer>> resolve(std::string host, std::uint16_t port);
  // Forgets when the answer was got: the next resolve() waits for a new one. For when none of the addresses answers.
  void expire(const std::string& host);

 private:
  struct Entry;
  async::Task<void> look_up(std::string host, std::shared_ptr<Entry> entry);

  async::Loop& loop_;
  async::BlockingPool& pool_;
  const std::chrono::milliseconds fresh_for_;
  const Lookup lookup_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace caisson::net
