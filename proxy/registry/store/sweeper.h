// What was removed from a store on a file system, on its way out. A tree is taken away by renaming it into a folder
// that nobody looks at: that is one step, whatever is in it, and quick. A thread of its own then takes the files apart,
// which may take a disk minutes. What a process that died has left there goes with what is removed next.
//
// Ownership: the driver's; refers to its root. Threading: any number of threads, and processes on the same root.
#pragma once

#include <condition_variable>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "base/handle.h"
#include "base/result.h"
#include "registry/store/folders.h"
#include "registry/store/layout.h"

namespace caisson::registry::store {

class Sweeper {
 public:
  // Both outlive this.
  Sweeper(const Fd& root, Folders& made) : root_(root), made_(made) {}

  // As Driver::remove() says.
  Result<void> remove(std::span<const Key> folders);

  // Returns when the room is given back of all that was removed so far.
  void finish() { sweep({}); }

 private:
  Result<void> take_away(const std::string& folder, const std::string& to);
  void sweep_soon();
  void run(const std::stop_token& stop);
  void sweep(const std::stop_token& stop);

  const Fd& root_;
  Folders& made_;
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  bool is_wanted_ = false;
  std::jthread thread_;  // begins with the first removal; last, so that it ends before what it uses
};

}  // namespace caisson::registry::store
