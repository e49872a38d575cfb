// The folders of a store on a file system, made as they are needed. A file is only as durable as every folder above it,
// so this knows which folders are on disk already and syncs the others. It knows them by their file handles, not by
// their names alone: what another process removed and made anew under the same name is another folder.
//
// Ownership: the driver's; refers to its root. Threading: any number of threads at once; other processes may make and
// remove folders meanwhile. Every call may block.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::registry::store {

class Folders {
 public:
  explicit Folders(const Fd& root) : root_(root) {}

  // Makes `path` and what is missing above it. A power cut may take them away again.
  Result<void> make(const std::string& path);

  // The same, and returns when all of them are on disk, also those that somebody else has just made.
  Result<void> make_durable(const std::string& path);

  // Returns when `path` and all above it are on disk as they stand now. Whoever renamed a file into a folder asks this
  // afterwards: the folder may be another one than make_durable() saw. NotFound when one of them is gone.
  Result<void> sync_all_above(const std::string& path);

 private:
  Result<void> make_one(const std::string& path);
  Result<void> sync_entry(const std::string& path);

  const Fd& root_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> on_disk_;  // path -> the handle of the folder that was synced there
};

// "a/b/c" -> "a/b"; "" for a path of one part.
std::string_view parent_of(std::string_view path) noexcept;

}  // namespace caisson::registry::store
