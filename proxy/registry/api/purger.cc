#include "registry/api/purger.h"

#include <algorithm>
#include <random>

namespace caisson::registry {
namespace {

std::chrono::milliseconds random_delay(std::chrono::milliseconds interval) {
  const std::chrono::milliseconds most = std::min<std::chrono::milliseconds>(std::chrono::hours(1), interval);
  std::random_device random;
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::chrono::milliseconds::rep>(0, most.count())(random));
}

}  // namespace

Purger::Purger(store::Store& store, UploadPurging settings, observe::ErrorLog log)
    : store_(store),
      settings_(settings),
      log_(std::move(log)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Purger::run(const std::stop_token& stop) {
  auto time = settings_.first_after.value_or(random_delay(settings_.interval));
  while (wait(time, stop)) {
    purge(stop);
    time = settings_.interval;
  }
}

bool Purger::wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

void Purger::purge(const std::stop_token& stop) {
  const auto before = std::chrono::system_clock::now() - settings_.age;
  const auto purged = store_.purge_uploads(before, settings_.dry_run, stop);
  if (!purged.ok()) return log_.error("registry: purging uploads: " + purged.error().what);
  if (purged.value() == 0) return;
  log_.notice("registry: " + std::to_string(purged.value()) + " unfinished uploads " +
              (settings_.dry_run ? "would be purged" : "purged"));
}

}  // namespace caisson::registry
