// Lets as many memory-hard hashes run side by side as fit into a fixed amount of memory.
//
// Threading: any thread that may block, so not a loop's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace caisson::auth {

class MemoryGate {
 public:
  explicit MemoryGate(std::uint64_t bytes) : limit_(bytes) {}

  // The right to use `bytes` until it is destroyed.
  class Pass {
   public:
    Pass(MemoryGate& gate, std::uint64_t bytes);
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    MemoryGate& gate_;
    const std::uint64_t bytes_;
  };

 private:
  const std::uint64_t limit_;
  std::mutex mutex_;
  std::condition_variable released_;
  std::uint64_t used_ = 0;
};

// Blocks until there is room. More than the limit is let in alone.
inline MemoryGate::Pass::Pass(MemoryGate& gate, std::uint64_t bytes) : gate_(gate), bytes_(bytes) {
  std::unique_lock lock(gate_.mutex_);
  gate_.released_.wait(lock, [&] { return bytes_ == 0 || gate_.used_ == 0 || gate_.used_ + bytes_ <= gate_.limit_; });
  gate_.used_ += bytes_;
}

inline MemoryGate::Pass::~Pass() {
  {
    const std::lock_guard lock(gate_.mutex_);
    gate_.used_ -= bytes_;
  }
  gate_.released_.notify_all();
}

}  // namespace caisson::auth
