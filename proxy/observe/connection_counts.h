// What the connections of this process are doing now, for stub_status and the $connections_* variables.
//
// Each loop counts its own, so that nobody waits for anybody; whoever asks adds them up.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>

namespace caisson::observe {

struct ConnectionTotals {
  std::uint64_t accepted = 0;
  std::uint64_t handled = 0;  // of these, those that were served
  std::uint64_t requests = 0;
  std::uint64_t active = 0;   // connections now
  std::uint64_t reading = 0;  // that send a head
  std::uint64_t writing = 0;  // that are being answered
  std::uint64_t waiting = 0;  // for a request
};

// The connections of one loop. Threading: written by that loop alone, read by all.
class LoopCounts {
 public:
  enum class Phase { None, Reading, Writing, Waiting };

  void add_to(ConnectionTotals& totals) const noexcept {
    const auto now = [](const Number& number) { return number.load(std::memory_order_relaxed); };
    totals.accepted += now(accepted_);
    totals.handled += now(accepted_);
    totals.requests += now(requests_);
    totals.active += now(active_);
    totals.reading += now(phases_[1]);
    totals.writing += now(phases_[2]);
    totals.waiting += now(phases_[3]);
  }

 private:
  friend class CountedConnection;
  using Number = std::atomic<std::uint64_t>;
  // One writer: no locked instruction is needed.
  static void change(Number& number, std::int64_t by) noexcept {
    number.store(number.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(by), std::memory_order_relaxed);
  }

  Number accepted_{0};
  Number requests_{0};
  Number active_{0};
  Number phases_[4]{};
};

// One connection, counted from its beginning to its end. Threading: its loop.
class CountedConnection {
 public:
  explicit CountedConnection(LoopCounts& counts) noexcept : counts_(counts) {
    LoopCounts::change(counts_.accepted_, 1);
    LoopCounts::change(counts_.active_, 1);
    LoopCounts::change(phase_count(), 1);
  }
  ~CountedConnection() {
    LoopCounts::change(phase_count(), -1);
    LoopCounts::change(counts_.active_, -1);
  }
  CountedConnection(const CountedConnection&) = delete;
  CountedConnection& operator=(const CountedConnection&) = delete;

  void enter(LoopCounts::Phase phase) noexcept {
    LoopCounts::change(phase_count(), -1);
    phase_ = phase;
    LoopCounts::change(phase_count(), 1);
  }
  void begin_request() noexcept {
    LoopCounts::change(counts_.requests_, 1);
    enter(LoopCounts::Phase::Reading);
  }

 private:
  LoopCounts::Number& phase_count() noexcept { return counts_.phases_[static_cast<std::size_t>(phase_)]; }

  LoopCounts& counts_;
  LoopCounts::Phase phase_ = LoopCounts::Phase::None;
};

// Of all loops. Threading: any thread.
class ConnectionCounts {
 public:
  // For one loop more; lives as long as this.
  LoopCounts& add_loop() {
    const std::lock_guard lock(mutex_);
    return loops_.emplace_back();
  }
  // One that was accepted and closed at once, since there was no room for it.
  void turn_away() noexcept { turned_away_.fetch_add(1, std::memory_order_relaxed); }
  ConnectionTotals totals() const {
    const std::lock_guard lock(mutex_);
    ConnectionTotals totals;
    totals.accepted = turned_away_.load(std::memory_order_relaxed);
    for (const LoopCounts& loop : loops_) loop.add_to(totals);
    return totals;
  }

 private:
  mutable std::mutex mutex_;
  std::list<LoopCounts> loops_;
  std::atomic<std::uint64_t> turned_away_{0};
};

}  // namespace caisson::observe
