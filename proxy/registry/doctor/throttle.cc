#include "registry/doctor/throttle.h"

#include <algorithm>
#include <thread>

namespace caisson::registry::doctor {
namespace {

// What was not used is saved up no longer than this, which makes up for threads that wake late.
constexpr std::chrono::milliseconds kSlack{100};

}  // namespace

void Throttle::take(std::uint64_t bytes) {
  if (rate_ == 0) return;
  Clock::time_point mine;
  {
    const std::lock_guard lock(mutex_);
    mine = std::max(due_, Clock::now() - kSlack);
    const std::chrono::duration<double> cost(static_cast<double>(bytes) / static_cast<double>(rate_));
    due_ = mine + std::chrono::duration_cast<Clock::duration>(cost);
  }
  std::this_thread::sleep_until(mine);
}

}  // namespace caisson::registry::doctor
