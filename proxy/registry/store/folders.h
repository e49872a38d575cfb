// The folders of a store on a file system, made as they are needed. A file is only as durable as every folder above it,
// so this knows which folders are on disk already and syncs the others.
//
// Ownership: the driver's; refers to its root. Threading: any number of threads at once; other processes may make and
// remove folders meanwhile. Every call may block.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::registry::store {

class Folders {
 public:
  explicit Folders(const Fd& root) : root_(root) {}

  // Makes `path` and what is missing above it. A power cut may take them away again.
  Result<void> make(const std::string& path);

  // The same, and returns when all of them are on disk, also those that somebody else has just made. Folders that this
  // process synced before are not looked at again: when one was removed since, the caller's next step fails with
  // NotFound; forget() it then and come back.
  Result<void> make_durable(const std::string& path);
  void forget(const std::string& path);

 private:
  Result<void> make_one(const std::string& path);
  bool is_known(const std::string& path);

  const Fd& root_;
  std::mutex mutex_;
  std::unordered_set<std::string> on_disk_;
};

// "a/b/c" -> "a/b"; "" for a path of one part.
std::string_view parent_of(std::string_view path) noexcept;

}  // namespace caisson::registry::store
