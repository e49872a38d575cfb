#include "registry/maintenance/collector.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "registry/maintenance/pace.h"

namespace caisson::registry::maintenance {

using std::chrono::milliseconds;

namespace {

milliseconds random_delay(milliseconds interval) {
  const milliseconds most = std::min<milliseconds>(std::chrono::hours(1), interval);
  std::random_device random;
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, most.count())(random));
}

}  // namespace

Collector::Collector(OpenStore open, Schedule schedule, CollectionRules rules, observe::ErrorLog log, Ended ended)
    : open_(std::move(open)),
      schedule_(schedule),
      rules_(std::move(rules)),
      log_(std::move(log)),
      ended_(std::move(ended)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Collector::run(const std::stop_token& stop) {
  give_way_to_others();
  Pace pace(0, stop);
  milliseconds time = std::max(schedule_.first_after.value_or(random_delay(schedule_.interval)), until_due());
  while (pace.wait(time)) {
    if (until_due() <= milliseconds(0)) collect(stop);
    time = std::max(until_due(), std::min<milliseconds>(schedule_.interval, std::chrono::seconds(1)));
  }
}

milliseconds Collector::until_due() {
  auto store = open_();
  if (!store.ok()) return milliseconds(0);
  auto last = store.value()->driver().changed(store::Layout::collection_lock());
  if (!last.ok()) return milliseconds(0);
  const auto passed = std::chrono::duration_cast<milliseconds>(store::Time::clock::now() - last.value());
  return passed < milliseconds(0) ? milliseconds(0) : schedule_.interval - passed;
}

void Collector::collect(const std::stop_token& stop) {
  auto store = open_();
  if (!store.ok()) return log_.error("registry: collecting garbage: " + store.error().what);
  auto done = maintenance::collect(*store.value(), rules_, Report(), log_, stop);
  if (!done.ok() && done.error().code == ErrorCode::Conflict) return;
  if (ended_) ended_(done);
  if (!done.ok()) return log_.error("registry: collecting garbage: " + done.error().what);
  log_.notice(done.value().line(rules_.dry_run));
}

void give_way_to_others() noexcept {
  constexpr int kThisThread = 1;              // IOPRIO_WHO_PROCESS, with 0
  constexpr int kLastOfMany = (2 << 13) | 7;  // IOPRIO_CLASS_BE, its lowest level
  ::syscall(SYS_ioprio_set, kThisThread, 0, kLastOfMany);
}

}  // namespace caisson::registry::maintenance
