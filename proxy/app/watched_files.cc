#include "app/watched_files.h"

#include <sys/stat.h>

#include <utility>

namespace caisson::app {

WatchedFiles::WatchedFiles(config::Files files) {
  for (auto& [path, text] : files) files_.push_back({std::move(path), std::move(text), std::nullopt, false});
}

config::Files WatchedFiles::look() {
  config::Files changed;
  for (Watched& file : files_) {
    const std::optional<Stamp> stamp = stamp_of(file.path);
    if (!same(stamp, file.stamp)) {
      file.stamp = stamp;
      file.read = false;
      continue;
    }
    if (!stamp || std::exchange(file.read, true)) continue;
    Result<std::string> text = config::FileSource().read(file.path);
    if (!text.ok() || text.value() == file.text) continue;
    file.text = std::move(text).value();
    changed.emplace_back(file.path, file.text);
  }
  return changed;
}

std::optional<WatchedFiles::Stamp> WatchedFiles::stamp_of(const std::string& path) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0) return std::nullopt;
  return Stamp{state.st_dev, state.st_ino, state.st_size, state.st_mtim};
}

bool WatchedFiles::same(const std::optional<Stamp>& a, const std::optional<Stamp>& b) noexcept {
  if (!a || !b) return !a && !b;
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

}  // namespace caisson::app
