// Certificates, keys and password files that change on disk while they are in use: rewritten, renamed over, or behind a
// symbolic link that is swapped, as with mounted secrets.
//
// They are looked at once a second. A file whose stamp has changed is read when it has held still from one look to the
// next, so that a half-written one is not taken; only another text counts as a change. A file that is gone is left as
// it was.
//
// Ownership: values. Threading: one thread; look() reads the disk.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "config/source.h"

namespace caisson::app {

class WatchedFiles {
 public:
  static constexpr std::chrono::seconds look_every{1};

  WatchedFiles() = default;
  // Files as they were read just now. Does not look at the disk.
  explicit WatchedFiles(config::Files files);

  // Those whose text is another than before, with their new texts.
  config::Files look();

 private:
  // What tells one state of a file from another without reading it.
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    timespec modified;
  };
  struct Watched {
    std::string path;
    std::string text;
    std::optional<Stamp> stamp;  // of the last look
    bool read = false;           // since the stamp has changed
  };

  static std::optional<Stamp> stamp_of(const std::string& path);
  static bool same(const std::optional<Stamp>& a, const std::optional<Stamp>& b) noexcept;

  std::vector<Watched> files_;
};

}  // namespace caisson::app
