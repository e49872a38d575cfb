// The system calls that the file system driver is made of, with their traps handled once: interrupted and short calls,
// errno turned into an Error that names the path.
//
// Paths are relative to `root`, an open folder. Threading: any. Every call may block.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::registry::store {

Result<Fd> open_file(const Fd& root, const std::string& path, int flags, mode_t mode = 0);

Result<std::size_t> read_at(const Fd& file, std::uint64_t offset, std::span<std::byte> into);
Result<void> write_at(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes);
Result<std::uint64_t> size_of(const Fd& file);

// Returns when the file's bytes (and the metadata needed to read them) are on disk.
Result<void> sync_file(const Fd& file);
// Returns when the entries of the folder are on disk: what was created, renamed or unlinked in it.
Result<void> sync_folder(const Fd& root, const std::string& path);

Result<void> rename_file(const Fd& root, const std::string& from, const std::string& to);
Result<void> unlink_file(const Fd& root, const std::string& path);
// Removes the folder and all that is in it; links are removed, not followed. Success when there is no such folder, and
// when somebody put something new into it meanwhile (the newer write wins).
Result<void> remove_tree(const Fd& root, const std::string& path);

// The names in a folder, unsorted, without "." and "..".
struct FolderEntry {
  std::string name;
  bool is_folder = false;  // a link to a folder counts, as it does for registry:2
  bool is_link = false;
};
Result<std::vector<FolderEntry>> list_folder(const Fd& root, const std::string& path);

// When the file or folder was last changed, and making that now.
Result<timespec> changed_at(const Fd& root, const std::string& path);
Result<void> touch(const Fd& root, const std::string& path);

// A lock of an open file, across threads and processes (each opening counts for itself), until the end of its scope.
// The kernel lets go of it when a process dies.
class FileLock {
 public:
  static Result<FileLock> take(const Fd& file);   // for one alone
  static Result<FileLock> share(const Fd& file);  // with others who share
  // Alone, without waiting. Conflict: somebody has it.
  static Result<FileLock> try_take(const Fd& file);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  static Result<FileLock> lock(const Fd& file, int operation);
  explicit FileLock(int fd) noexcept : fd_(fd) {}
  int fd_;
};

// From the kernel's generator. Throws std::system_error when it has none, which no running system does.
std::array<std::byte, 16> random_bytes();

}  // namespace caisson::registry::store
