// Events that wait to be delivered to one endpoint, oldest first, within a bound: when it is reached the oldest go.
//
// Threading: any thread; no call waits for a delivery.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::registry::notify {

class Queue {
 public:
  struct Front {
    std::uint64_t number;  // for pop()
    std::string event;
  };

  virtual ~Queue() = default;
  // False when the event could not be kept: it counts as dropped.
  virtual bool append(std::string_view event) = 0;
  // The oldest event, which stays; nothing when there is none.
  virtual std::optional<Front> front() = 0;
  // The event is delivered. Nothing happens when it has gone meanwhile.
  virtual void pop(std::uint64_t number) = 0;

  std::uint64_t pending() const noexcept { return pending_.load(std::memory_order_relaxed); }
  // Since the queue was made.
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 protected:
  std::atomic<std::uint64_t> pending_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
};

// For where nothing may be written: gone with the process, as registry:2's.
class MemoryQueue final : public Queue {
 public:
  explicit MemoryQueue(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}
  bool append(std::string_view event) override;
  std::optional<Front> front() override;
  void pop(std::uint64_t number) override;

 private:
  void drop_front();

  const std::uint64_t most_bytes_;
  std::mutex mutex_;
  std::deque<std::string> events_;
  std::uint64_t first_ = 0;  // the number of events_.front()
  std::uint64_t bytes_ = 0;
};

}  // namespace caisson::registry::notify
