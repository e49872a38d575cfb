// How many connections this process may have at a time (worker_connections). A client is let in while there is room; a
// connection to a backend is counted but never refused, so that who was let in is also served.
//
// Ownership: outlives its slots. Threading: any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

namespace caisson::observe {

class ConnectionSlots {
 public:
  ConnectionSlots() = default;
  ConnectionSlots(const ConnectionSlots&) = delete;
  ConnectionSlots& operator=(const ConnectionSlots&) = delete;

  // One connection, as long as this lives.
  class Slot {
   public:
    Slot(Slot&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      if (of_ != nullptr) of_->taken_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    friend class ConnectionSlots;
    explicit Slot(ConnectionSlots* of) noexcept : of_(of) {}
    ConnectionSlots* of_;
  };

  // For a client; nothing when there is no room.
  std::optional<Slot> admit() noexcept {
    std::size_t taken = taken_.load(std::memory_order_relaxed);
    do {
      if (taken >= most_) return std::nullopt;
    } while (!taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
    return Slot(this);
  }
  // For a connection that a client's request needs.
  Slot add() noexcept {
    taken_.fetch_add(1, std::memory_order_relaxed);
    return Slot(this);
  }
  // Without it there is room for any number. Before the first client comes.
  void limit(std::size_t most) noexcept { most_ = most; }
  std::size_t most() const noexcept { return most_; }

 private:
  std::size_t most_ = std::numeric_limits<std::size_t>::max();
  std::atomic<std::size_t> taken_{0};
};

}  // namespace caisson::observe
