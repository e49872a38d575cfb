// How fast somebody may go who works beside those who serve.
//
// Threading: one thread; whoever stops it may be another.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>
#include <utility>

namespace caisson::registry::maintenance {

class Pace {
 public:
  // So many steps a second; 0: as many as there can be.
  Pace(std::size_t steps_a_second, std::stop_token stop) : rate_(steps_a_second), stop_(std::move(stop)) {}

  // Waits until so many more steps are due. False when told to stop.
  bool take(std::size_t steps = 1);
  // False when told to stop meanwhile.
  bool wait(std::chrono::nanoseconds time);
  bool stopped() const noexcept { return stop_.stop_requested(); }

 private:
  using Clock = std::chrono::steady_clock;

  const std::size_t rate_;
  const std::stop_token stop_;
  Clock::time_point due_ = Clock::now();  // when the next step may be taken
  std::mutex mutex_;
  std::condition_variable_any never_;
};

}  // namespace caisson::registry::maintenance
