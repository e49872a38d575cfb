#include "registry/store/listings.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "registry/store/files.h"

namespace caisson::registry::store {
namespace {

// Names and lists in all; each takes about a hundred bytes.
constexpr std::size_t kMostRemembered = 400'000;
// No file system's clock ticks slower.
constexpr std::time_t kSlowestTick = 2;

bool same_time(const timespec& a, const timespec& b) noexcept { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

// Whether this is the same folder, and nothing was added to it or removed, as far as its times tell.
bool same_state(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && same_time(a.st_mtim, b.st_mtim) &&
         same_time(a.st_ctim, b.st_ctim);
}

}  // namespace

Listings::Listings(const Fd& root) : root_(root), listings_(kMostRemembered) {}

Result<Names> Listings::folders_in(const std::string& path) {
  struct stat folder {};
  if (::fstatat(root_.get(), path.c_str(), &folder, 0) != 0) {
    const int problem = errno;
    const std::lock_guard lock(mutex_);
    listings_.erase(path);
    return system_error(problem, "list \"" + path + '"');
  }
  if (Names names = remembered(path, folder)) return names;
  auto fresh = read(path);
  if (!fresh.ok()) return std::move(fresh).error();
  if (!fresh.value().unchanged_meanwhile) return std::move(fresh.value().listing.names);
  return remember(path, std::move(fresh.value().listing));
}

// Null when it has to be read.
Names Listings::remembered(const std::string& path, const struct stat& folder) {
  const std::lock_guard lock(mutex_);
  const Listing* known = listings_.find(path);
  return known != nullptr && known->trusted && same_state(known->folder, folder) ? known->names : nullptr;
}

Result<Listings::Read> Listings::read(const std::string& path) const {
  auto folder = open_file(root_, path, O_RDONLY | O_DIRECTORY);
  if (!folder.ok()) return std::move(folder).error();
  const std::time_t now = std::time(nullptr);
  struct stat before {};
  struct stat after {};
  if (::fstat(folder.value().get(), &before) != 0) return system_error(errno, "stat \"" + path + '"');
  auto entries = list_folder(root_, path);
  if (!entries.ok()) return std::move(entries).error();
  if (::fstat(folder.value().get(), &after) != 0) return system_error(errno, "stat \"" + path + '"');

  auto names = std::make_shared<std::vector<std::string>>();
  bool has_links = false;
  for (FolderEntry& entry : entries.value()) {
    has_links = has_links || entry.is_link;
    if (entry.is_folder) names->push_back(std::move(entry.name));
  }
  std::sort(names->begin(), names->end());
  const bool settled = before.st_ctim.tv_sec + kSlowestTick < now && before.st_mtim.tv_sec + kSlowestTick < now;
  return Read{{std::move(names), before, settled && !has_links}, same_state(before, after)};
}

Names Listings::remember(const std::string& path, Listing listing) {
  const std::lock_guard lock(mutex_);
  // The same names are the same object: who remembers what follows from them sees that it still does.
  if (const Listing* known = listings_.find(path); known != nullptr && *known->names == *listing.names) {
    listing.names = known->names;
  }
  Names names = listing.names;
  listings_.put(path, std::move(listing), 1 + names->size());
  return names;
}

}  // namespace caisson::registry::store
