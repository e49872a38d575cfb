#include "registry/doctor/throttle.h"

#include <algorithm>
#include <thread>

namespace caisson::registry::doctor {

void Throttle::take(std::uint64_t bytes) {
  if (rate_ == 0) return;
  Clock::time_point mine;
  {
    const std::lock_guard lock(mutex_);
    mine = std::max(due_, Clock::now());  // what was not used is not saved up
    const std::chrono::duration<double> cost(static_cast<double>(bytes) / static_cast<double>(rate_));
    due_ = mine + std::chrono::duration_cast<Clock::duration>(cost);
  }
  std::this_thread::sleep_until(mine);
}

}  // namespace caisson::registry::doctor
