#include "registry/store/folders.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>

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

// The time that folders made from now on have as their birth is later than one this old.
constexpr std::int64_t settled_seconds = 2;

// Inode number and time of birth, for a folder so old that none made later can have both. Empty where the file system
// keeps no times of birth.
Result<std::string> birth_of(const Fd& root, const std::string& path) {
  struct statx status {};
  if (::statx(root.get(), path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status) != 0) {
    return system_error(errno, "find folder \"" + path + '"');
  }
  const bool known = (status.stx_mask & STATX_BTIME) != 0 && (status.stx_mask & STATX_INO) != 0;
  if (!known || status.stx_btime.tv_sec + settled_seconds > std::time(nullptr)) return std::string();
  return std::to_string(status.stx_dev_major) + ':' + std::to_string(status.stx_dev_minor) + ':' +
         std::to_string(status.stx_ino) + ':' + std::to_string(status.stx_btime.tv_sec) + '.' +
         std::to_string(status.stx_btime.tv_nsec);
}

// What tells a folder from every other that ever had its name: inode number and generation, as the file system puts
// them, or what comes near where a sandbox forbids to ask (Docker's does) or a file system has none. Empty: nothing
// does, and nothing is remembered.
Result<std::string> handle_of(const Fd& root, const std::string& path) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> buffer{};
  auto* const handle = reinterpret_cast<file_handle*>(buffer.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(root.get(), path.c_str(), handle, &mount, AT_SYMLINK_FOLLOW) == 0) {
    return std::to_string(mount) + ':' + std::to_string(handle->handle_type) + ':' +
           std::string(buffer.data() + sizeof(file_handle), handle->handle_bytes);
  }
  if (errno == ENOENT || errno == ENOTDIR) return system_error(errno, "find folder \"" + path + '"');
  return birth_of(root, path);  // a sandbox forbids to ask for what is not there, too
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

// REQUIRES: the folder is there. Returns when its entry in the folder above is on disk.
Result<void> Folders::sync_entry(const std::string& path) {
  // The handle first: what is synced afterwards is that folder's entry or a later one's, never an earlier one's.
  auto handle = handle_of(root_, path);
  if (!handle.ok()) return std::move(handle).error();
  if (!handle.value().empty()) {
    const std::lock_guard lock(mutex_);
    const auto known = on_disk_.find(path);
    if (known != on_disk_.end() && known->second == handle.value()) return {};
  }
  const std::string parent(parent_of(path));
  if (auto synced = sync_folder(root_, parent.empty() ? "." : parent); !synced.ok()) return synced;
  if (handle.value().empty()) return {};
  const std::lock_guard lock(mutex_);
  if (on_disk_.size() >= kMostKnown) on_disk_.clear();
  on_disk_.insert_or_assign(path, std::move(handle).value());
  return {};
}

Result<void> Folders::make(const std::string& path) {
  // Most often all but the last exist.
  if (::mkdirat(root_.get(), path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return top_down(path, [this](const std::string& folder) { return make_one(folder); });
}

Result<void> Folders::make_durable(const std::string& path) {
  return top_down(path, [this](const std::string& folder) -> Result<void> {
    // Also synced when it was there: whoever made it may not have come to that yet.
    auto synced = sync_entry(folder);
    if (synced.ok() || synced.error().code != ErrorCode::NotFound) return synced;
    if (auto made = make_one(folder); !made.ok()) return made;
    return sync_entry(folder);
  });
}

Result<void> Folders::sync_all_above(const std::string& path) {
  return top_down(path, [this](const std::string& folder) { return sync_entry(folder); });
}

}  // namespace caisson::registry::store
