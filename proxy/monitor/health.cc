#include "monitor/health.h"

#include <algorithm>

namespace caisson::monitor {

// All are told before the first is waited for.
Health::~Health() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void Health::add(Check check) { checks_.push_back(std::move(check)); }

void Health::start() {
  for (const Check& check : checks_) {
    threads_.emplace_back([this, &check](const std::stop_token& stop) { run(check, stop); });
  }
}

std::map<std::string, std::string> Health::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

void Health::run(const Check& check, const std::stop_token& stop) {
  unsigned failed = 0;
  while (!stop.stop_requested()) {
    const std::optional<std::string> reason = check.probe(stop);
    if (stop.stop_requested()) return;
    failed = reason ? std::min(failed + 1, check.threshold) : 0;
    if (!reason || failed >= check.threshold) note(check.name, reason);
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, check.interval, [] { return false; });
  }
}

void Health::note(const std::string& name, const std::optional<std::string>& reason) {
  const std::lock_guard lock(mutex_);
  if (reason) {
    failures_[name] = *reason;
  } else {
    failures_.erase(name);
  }
  failing_.store(failures_.size(), std::memory_order_relaxed);
}

}  // namespace caisson::monitor
