#include "registry/notify/queue.h"

namespace caisson::registry::notify {

bool MemoryQueue::append(std::string_view event) {
  const std::lock_guard lock(mutex_);
  while (!events_.empty() && bytes_ + event.size() > most_bytes_) {
    drop_front();
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  events_.emplace_back(event);
  bytes_ += event.size();
  pending_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

std::optional<Queue::Front> MemoryQueue::front() {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) return std::nullopt;
  return Front{first_, events_.front()};
}

void MemoryQueue::pop(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (!events_.empty() && number == first_) drop_front();
}

void MemoryQueue::drop_front() {
  bytes_ -= events_.front().size();
  events_.pop_front();
  ++first_;
  pending_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace caisson::registry::notify
