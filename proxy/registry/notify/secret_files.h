// Secrets that stand in files and may change while they are in use.
//
// Ownership: a SharedSecret is shared by those who use it and the SecretFiles of its configuration. Threading: a
// SharedSecret from any thread; SecretFiles is filled by the thread that loads.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/text.h"

namespace caisson::registry::notify {

class SharedSecret {
 public:
  // What an editor adds at the end is no part of it.
  void set(std::string_view text) {
    const std::lock_guard lock(mutex_);
    text_ = text::trimmed(text, "\r\n");
  }
  std::string get() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// All of one configuration, by their paths, for those who hand over renewed files; in its outermost level.
struct SecretFiles {
  std::multimap<std::string, std::shared_ptr<SharedSecret>> all;

  void hand_over(const std::string& path, std::string_view text) const {
    const auto [first, last] = all.equal_range(path);
    for (auto each = first; each != last; ++each) each->second->set(text);
  }
};

}  // namespace caisson::registry::notify
