#include "registry/maintenance/pace.h"

#include <algorithm>

namespace caisson::registry::maintenance {

bool Pace::take(std::size_t steps) {
  if (rate_ == 0) return !stopped();
  constexpr std::chrono::milliseconds kShortest{5};  // less is not worth a sleep
  const auto now = Clock::now();
  // What was not used a while ago is not made up for.
  due_ = std::max(due_, now - kShortest) + std::chrono::nanoseconds(std::chrono::seconds(1)) * steps / rate_;
  return due_ - now < kShortest ? !stopped() : wait(due_ - now);
}

bool Pace::wait(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  never_.wait_for(lock, stop_, time, [] { return false; });
  return !stopped();
}

}  // namespace caisson::registry::maintenance
