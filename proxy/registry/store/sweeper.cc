#include "registry/store/sweeper.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>

#include "base/text.h"
#include "registry/store/files.h"

namespace caisson::registry::store {

Result<void> Sweeper::remove(std::span<const Key> folders) {
  if (folders.empty()) return {};
  const std::string place = Layout::removed().path();
  const std::string prefix = place + '/' + text::to_hex(random_bytes()) + '-';
  // Without room for it things go piece by piece.
  if (auto made = made_.make(place); !made.ok() && made.error().code != ErrorCode::NoSpace) return made;
  std::set<std::string_view> parents;
  std::size_t number = 0;
  for (const Key& folder : folders) {
    if (auto taken = take_away(folder.path(), prefix + std::to_string(number++)); !taken.ok()) return taken;
    parents.insert(parent_of(folder.path()));
  }
  for (const std::string_view parent : parents) {
    auto synced = sync_folder(root_, std::string(parent));
    if (!synced.ok() && synced.error().code != ErrorCode::NotFound) return synced;
  }
  sweep_soon();
  return {};
}

Result<void> Sweeper::take_away(const std::string& folder, const std::string& to) {
  if (::renameat(root_.get(), folder.c_str(), root_.get(), to.c_str()) == 0) return {};
  const int problem = errno;
  // A repository may lie on a disk of its own; a full disk may have no room for a longer folder, or for the folder.
  const bool no_way = problem == EXDEV || problem == ENOSPC || problem == EDQUOT;
  const bool no_place = problem == ENOENT && ::faccessat(root_.get(), Layout::removed().path().c_str(), F_OK, 0) != 0;
  if (no_way || no_place) return remove_tree(root_, folder);
  // It was not there; or is it the place for it that is not there any more?
  if (problem == ENOENT && ::faccessat(root_.get(), folder.c_str(), F_OK, 0) != 0 && errno == ENOENT) return {};
  return Error{ErrorCode::Io, system_error(problem, "remove \"" + folder + '"').what};
}

void Sweeper::sweep_soon() {
  const std::lock_guard lock(mutex_);
  is_wanted_ = true;
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  wanted_.notify_one();
}

void Sweeper::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wanted_.wait(lock, stop, [this] { return is_wanted_; })) {
    is_wanted_ = false;
    lock.unlock();
    sweep(stop);
    lock.lock();
  }
}

// Errors are passed over: what stays takes room, no more, and goes the next time.
void Sweeper::sweep(const std::stop_token& stop) {
  const std::string removed = Layout::removed().path();
  auto trees = list_folder(root_, removed);
  if (!trees.ok()) return;
  for (const FolderEntry& tree : trees.value()) {
    if (stop.stop_requested()) return;
    (void)remove_tree(root_, removed + '/' + tree.name);
  }
}

}  // namespace caisson::registry::store
