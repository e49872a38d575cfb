// A T of its own for each loop: connection pools and other state that a shared object keeps without locks.
//
// Ownership: the instances belong to this object, which outlives their use; a loop's instance is made at its first use.
// Threading: get() from any loop's thread.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "async/loop.h"

namespace caisson::async {

template <class T>
class PerLoop {
 public:
  // The current loop's own.
  T& get() {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<T>& mine = by_loop_[&Loop::current()];
    if (!mine) mine = std::make_unique<T>();
    return *mine;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<Loop*, std::unique_ptr<T>> by_loop_;
};

}  // namespace caisson::async
