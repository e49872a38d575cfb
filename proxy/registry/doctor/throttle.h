// How many bytes a second may be read by several threads together, so that who verifies leaves the disk to who serves.
//
// Threading: any number of threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace caisson::registry::doctor {

class Throttle {
 public:
  // 0: as many as there can be.
  explicit Throttle(std::uint64_t bytes_a_second) : rate_(bytes_a_second) {}

  // Waits until so many more bytes are due.
  void take(std::uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  const std::uint64_t rate_;
  std::mutex mutex_;
  Clock::time_point due_ = Clock::now();
};

}  // namespace caisson::registry::doctor
