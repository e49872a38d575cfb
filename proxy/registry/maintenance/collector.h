// Collects a store's garbage from time to time, on a thread of its own: it may take as long as the disk likes. Of all
// processes that do so on one store one goes at a time, and the next when the interval has passed again.
//
// Ownership: whoever serves. The destructor ends the thread, some milliseconds of work later.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/result.h"
#include "observe/error_log.h"
#include "registry/maintenance/collection.h"

namespace caisson::registry::maintenance {

struct Schedule {
  std::chrono::milliseconds interval = std::chrono::hours(24);
  // Until the first time at the earliest; when unset a random time of less than an hour, so that a start is not the
  // worst moment of the day.
  std::optional<std::chrono::milliseconds> first_after = {};
};

class Collector {
 public:
  // Each collection works on a store of its own, so that walking through everything takes nothing from the memory of
  // those who serve.
  using OpenStore = std::function<Result<std::unique_ptr<store::Store>>()>;
  // Called on the collector's thread after each, also one that failed.
  using Ended = std::function<void(const Result<CollectionSummary>&)>;
  Collector(OpenStore open, Schedule schedule, CollectionRules rules, observe::ErrorLog log, Ended ended = {});

 private:
  void run(const std::stop_token& stop);
  // How long to wait, by when anybody collected last.
  std::chrono::milliseconds until_due();
  void collect(const std::stop_token& stop);

  const OpenStore open_;
  const Schedule schedule_;
  const CollectionRules rules_;
  const observe::ErrorLog log_;
  const Ended ended_;
  std::jthread thread_;  // last: it uses the others
};

// What this thread reads and writes from now on comes after what others want of the disk.
void give_way_to_others() noexcept;

}  // namespace caisson::registry::maintenance
