// Removes uploads that nobody came back for, from time to time, on a thread of its own: it may take as long as the
// disk likes, and no request waits behind it.
//
// Ownership: the Api's; refers to its store. The destructor ends the thread, at most one removal later.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "observe/error_log.h"
#include "registry/api/settings.h"
#include "registry/store/store.h"

namespace caisson::registry {

class Purger {
 public:
  Purger(store::Store& store, UploadPurging settings, observe::ErrorLog log);

 private:
  void run(const std::stop_token& stop);
  // False when told to stop meanwhile.
  bool wait(std::chrono::milliseconds time, const std::stop_token& stop);
  void purge(const std::stop_token& stop);

  store::Store& store_;
  const UploadPurging settings_;
  const observe::ErrorLog log_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace caisson::registry
