#include "registry/store/folders.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "registry/store/files.h"

namespace caisson::registry::store {
namespace {

// Bounds the memory of a store with very many repositories; forgetting costs a few syncs, nothing else.
constexpr std::size_t kMostKnown = 16384;

// Calls visit("a"), visit("a/b"), visit("a/b/c") until one fails.
template <class Visit>
Result<void> top_down(const std::string& path, Visit visit) {
  for (std::size_t slash = path.find('/');; slash = path.find('/', slash + 1)) {
    if (auto done = visit(path.substr(0, slash)); !done.ok()) return done;
    if (slash == std::string::npos) return {};
  }
}

}  // namespace

std::string_view parent_of(std::string_view path) noexcept {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

Result<void> Folders::make_one(const std::string& path) {
  if (::mkdirat(root_.get(), path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return system_error(errno, "make folder \"" + path + '"');
}

bool Folders::is_known(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return on_disk_.contains(path);
}

Result<void> Folders::make(const std::string& path) {
  // Most often all but the last exist.
  if (::mkdirat(root_.get(), path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return top_down(path, [this](const std::string& folder) { return make_one(folder); });
}

Result<void> Folders::make_durable(const std::string& path) {
  if (is_known(path)) return {};
  return top_down(path, [this](const std::string& folder) -> Result<void> {
    if (is_known(folder)) return {};
    if (auto made = make_one(folder); !made.ok()) return made;
    // Also when it was there: whoever made it may not have come to sync it yet.
    const std::string parent(parent_of(folder));
    if (auto synced = sync_folder(root_, parent.empty() ? "." : parent); !synced.ok()) return synced;
    const std::lock_guard lock(mutex_);
    if (on_disk_.size() >= kMostKnown) on_disk_.clear();
    on_disk_.insert(folder);
    return {};
  });
}

void Folders::forget(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (std::string_view folder = path; !folder.empty(); folder = parent_of(folder)) {
    on_disk_.erase(std::string(folder));
  }
}

}  // namespace caisson::registry::store
