// Health checks, each made again and again on a thread of its own: whatever it waits for, nothing else waits with it.
//
// Ownership: shared by the settings that ask it. Threading: add() and start() on the thread that loads; failures() from
// any thread at any time. The destructor ends the checks, at most one probe later.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "monitor/probes.h"

namespace caisson::monitor {

struct Check {
  std::string name;
  Probe probe;
  std::chrono::milliseconds interval{10'000};
  unsigned threshold = 1;  // it counts as failed after so many failures in a row
};

class Health {
 public:
  Health() = default;
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  void add(Check check);
  // Begins to check, each check at once. Once, after the last add().
  void start();

  // One load: what every request asks.
  bool good() const noexcept { return failing_.load(std::memory_order_relaxed) == 0; }
  // Names and reasons of the checks that fail.
  std::map<std::string, std::string> failures() const;

 private:
  void run(const Check& check, const std::stop_token& stop);
  void note(const std::string& name, const std::optional<std::string>& reason);

  std::vector<Check> checks_;
  mutable std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::map<std::string, std::string> failures_;  // guarded by mutex_
  std::atomic<std::size_t> failing_{0};          // failures_.size()
  std::vector<std::jthread> threads_;            // last: they use the others
};

}  // namespace caisson::monitor
