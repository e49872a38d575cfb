// Files that are served: opening and reading them without a wait on the loop.
//
// Threading: one loop; what may block runs on the disk pool.
// Errors:    async::Busy when the pool's queue is full; what the file system refuses is a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "async/pool.h"
#include "async/task.h"
#include "base/handle.h"
#include "gateway/files/document_root.h"
#include "rules/language.h"

namespace caisson::gateway {

// The pool that file system calls run on, in every level; null where a configuration is only checked.
struct DiskSettings {
  async::BlockingPool* pool = nullptr;
  void inherit(const DiskSettings& outer) { pool = outer.pool; }
};

struct FileFacts {
  enum class Kind { File, Folder, Other };
  Kind kind = Kind::Other;
  std::uint64_t size = 0;
  std::time_t modified = 0;
  bool executable = false;  // by its owner
};

struct OpenedFile {
  Fd fd;
  FileFacts facts;
  int error = 0;  // errno; 0: opened
};

// Whether the part of a name that came from a request climbs out of its folder: a ".." between slashes, or a NUL. A
// normalised URL cannot hold one, but an alias or a variable may put its parts together so.
bool leaves_folder(const FileName& name);

// Opens a file or folder for reading; a name that leaves its folder is ENOENT. Symbolic links are followed as
// far as name.links lets them be (ELOOP): by default whoever may place them decides what is served.
async::Task<OpenedFile> open_file(async::BlockingPool& pool, FileName name);
// Opens nothing. Kind::Other with error set when there is no such thing.
async::Task<OpenedFile> look_at_file(async::BlockingPool& pool, FileName name);

// The same at once, for rules that ask before there is anything to await; it may wait for the disk.
OpenedFile look_at_file_now(const FileName& name);

// Reads a file piece by piece: on the loop what the page cache has, on the pool what it has not.
class FileReader {
 public:
  FileReader(async::BlockingPool& pool, int fd) : pool_(pool), fd_(fd) {}

  // At most `most` bytes from `offset`; fewer than asked for near the end, none behind it. The view holds until the
  // next call. Throws std::system_error.
  async::Task<std::span<const std::byte>> read(std::uint64_t offset, std::uint64_t most);

 private:
  async::BlockingPool& pool_;
  int fd_;
  bool cache_known_ = true;  // the file system can say whether a read would wait
  std::vector<std::byte> buffer_;
};

void describe_disk(rules::Language& language);

}  // namespace caisson::gateway
