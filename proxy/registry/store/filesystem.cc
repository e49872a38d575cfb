#include "registry/store/filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <set>
#include <string_view>

#include "base/text.h"
#include "registry/store/files.h"
#include "registry/store/filesystem_draft.h"

namespace caisson::registry::store {
namespace {

class FileContent final : public Content {
 public:
  FileContent(Fd file, std::uint64_t size, std::atomic<bool>& can_read_cached)
      : file_(std::move(file)), size_(size), can_read_cached_(can_read_cached) {}

  std::uint64_t size() const noexcept override { return size_; }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    return read_at(file_, offset, into);
  }

  std::optional<std::size_t> read_cached(std::uint64_t offset, std::span<std::byte> into) const noexcept override {
    if (!can_read_cached_.load(std::memory_order_relaxed)) return std::nullopt;
    const iovec vector{into.data(), into.size()};
    const ssize_t n = ::preadv2(file_.get(), &vector, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EOPNOTSUPP) can_read_cached_.store(false, std::memory_order_relaxed);
    return std::nullopt;
  }

 private:
  const Fd file_;
  const std::uint64_t size_;
  std::atomic<bool>& can_read_cached_;
};

class HeldLock final : public Hold {
 public:
  HeldLock(Fd file, FileLock lock) : file_(std::move(file)), lock_(std::move(lock)) {}

 private:
  const Fd file_;
  const FileLock lock_;
};

// A name beside `path` for what will be renamed to it: unguessed, so that two writers never share it, and not one that
// registry:2 looks at.
std::string beside(const std::string& path) { return path + '.' + text::to_hex(random_bytes()) + ".tmp"; }

Result<void> write_new_file(const Fd& root, const std::string& path, std::string_view bytes) {
  auto file = open_file(root, path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file.ok()) return std::move(file).error();
  if (auto written = write_at(file.value(), 0, text::bytes_of(bytes)); !written.ok()) return written;
  return sync_file(file.value());
}

}  // namespace

Result<std::unique_ptr<FilesystemDriver>> FilesystemDriver::open_root(const std::string& root) {
  Fd folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error(errno, "open folder \"" + root + '"');
  return std::unique_ptr<FilesystemDriver>(new FilesystemDriver(std::move(folder)));
}

Result<void> FilesystemDriver::make_root(const std::string& root) {
  const Fd top(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return system_error(errno, "open folder \"/\"");
  struct stat found {};
  if (::stat(root.c_str(), &found) == 0) return {};
  const std::size_t first = root.find_first_not_of('/');
  const std::size_t last = root.find_last_not_of('/');
  if (first == std::string::npos) return {};
  return Folders(top).make_durable(root.substr(first, last + 1 - first));
}

Result<void> FilesystemDriver::probe_writable() const {
  // A volume that another user's registry wrote may have a root that is ours and folders that are not.
  for (const std::string& folder : {std::string("."), Layout::blobs().path(), Layout::repositories().path()}) {
    const std::string probe = beside(folder + "/probe");
    auto written = write_new_file(root_, probe, "x");
    if (auto removed = unlink_file(root_, probe); written.ok() && !removed.ok()) return removed;
    if (!written.ok() && written.error().code != ErrorCode::NotFound) {
      return std::move(written).error().in("it is not writable");
    }
  }
  return {};
}

Result<std::string> FilesystemDriver::get(const Key& key, std::size_t limit) const {
  auto file = open_file(root_, key.path(), O_RDONLY);
  if (!file.ok()) return std::move(file).error();
  auto size = size_of(file.value());
  if (!size.ok()) return std::move(size).error().in(key.path());
  if (size.value() > limit) return Error{ErrorCode::TooLarge, '"' + key.path() + "\" is larger than it may be"};
  std::string bytes(size.value(), '\0');
  auto read = read_at(file.value(), 0, std::as_writable_bytes(std::span(bytes)));
  if (!read.ok()) return std::move(read).error().in(key.path());
  bytes.resize(read.value());
  return bytes;
}

Result<void> FilesystemDriver::put(const Key& key, std::string_view bytes) {
  const std::string folder(parent_of(key.path()));
  for (int attempts = 3;; --attempts) {
    if (auto made = folders_.make_durable(folder); !made.ok()) return made;
    const std::string temporary = beside(key.path());
    auto done = write_new_file(root_, temporary, bytes);
    if (done.ok()) done = rename_file(root_, temporary, key.path());
    if (!done.ok()) (void)unlink_file(root_, temporary);
    if (done.ok()) done = sync_folder(root_, folder);
    if (done.ok()) done = folders_.sync_all_above(folder);
    // Somebody removed the folder in between, as deleting a tag does: make it again.
    if (done.ok() || done.error().code != ErrorCode::NotFound || attempts == 0) return done;
  }
}

// Taken away first and looked at then: what is put in between stands where it was put.
Result<bool> FilesystemDriver::remove_if(const Key& key, std::string_view bytes) {
  const auto holds = [&](const Result<std::string>& found) { return found.ok() && found.value() == bytes; };
  auto present = get(key, bytes.size());
  if (!holds(present)) return false;
  const std::string taken = beside(key.path());
  if (auto renamed = rename_file(root_, key.path(), taken); !renamed.ok()) {
    if (renamed.error().code == ErrorCode::NotFound) return false;
    return std::move(renamed).error();
  }
  auto file = open_file(root_, taken, O_RDONLY);
  if (!file.ok()) return std::move(file).error();
  std::string found(bytes.size() + 1, '\0');
  auto read = read_at(file.value(), 0, std::as_writable_bytes(std::span(found)));
  if (!read.ok()) return std::move(read).error();
  found.resize(read.value());
  if (found != bytes &&
      ::renameat2(root_.get(), taken.c_str(), root_.get(), key.path().c_str(), RENAME_NOREPLACE) == 0) {
    return false;
  }
  if (auto removed = unlink_file(root_, taken); !removed.ok()) return std::move(removed).error();
  if (auto synced = sync_folder(root_, std::string(parent_of(key.path()))); !synced.ok())
    return std::move(synced).error();
  return found == bytes;
}

Result<void> FilesystemDriver::remove(std::span<const Key> folders) { return sweeper_.remove(folders); }

Result<Names> FilesystemDriver::folders(const Key& folder) const { return listings_.folders_in(folder.path()); }

Result<Rights> FilesystemDriver::rights(const Key& key) const {
  const auto may = [&](int what) {
    return ::faccessat(root_.get(), key.path().c_str(), what, AT_EACCESS) == 0 || errno == EROFS;
  };
  struct stat status {};
  if (::fstatat(root_.get(), key.path().c_str(), &status, 0) != 0) {
    return system_error(errno, "stat \"" + key.path() + '"');
  }
  const int enter = S_ISDIR(status.st_mode) ? X_OK : 0;
  return Rights{may(R_OK | enter), may(W_OK | enter)};
}

Result<std::uint64_t> FilesystemDriver::size(const Key& key) const {
  struct stat status {};
  if (::fstatat(root_.get(), key.path().c_str(), &status, 0) != 0) {
    return system_error(errno, "stat \"" + key.path() + '"');
  }
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::NotFound, '"' + key.path() + "\" is not a file"};
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::unique_ptr<Content>> FilesystemDriver::open(const Key& key) const {
  auto file = open_file(root_, key.path(), O_RDONLY);
  if (!file.ok()) return std::move(file).error();
  auto size = size_of(file.value());
  if (!size.ok()) return std::move(size).error().in(key.path());
  return std::unique_ptr<Content>(
      std::make_unique<FileContent>(std::move(file).value(), size.value(), can_read_cached_));
}

Result<void> FilesystemDriver::renew_lease(const Key& key, std::chrono::milliseconds age) {
  auto since = changed(key);
  if (!since.ok()) return std::move(since).error();
  if (Time::clock::now() - since.value() < age) return {};
  return touch(root_, key.path());
}

Result<Time> FilesystemDriver::changed(const Key& key) const {
  auto time = changed_at(root_, key.path());
  if (!time.ok()) return std::move(time).error();
  const auto since_epoch = std::chrono::seconds(time.value().tv_sec) + std::chrono::nanoseconds(time.value().tv_nsec);
  return Time(std::chrono::duration_cast<Time::duration>(since_epoch));
}

Result<void> FilesystemDriver::move(const Key& from, const Key& to) {
  if (auto made = folders_.make(std::string(parent_of(to.path()))); !made.ok()) return made;
  if (::renameat(root_.get(), from.path().c_str(), root_.get(), to.path().c_str()) == 0) return {};
  const int problem = errno;
  const std::string doing = "move \"" + from.path() + "\" to \"" + to.path() + '"';
  if (problem == ENOTEMPTY || problem == EEXIST) return Error{ErrorCode::Conflict, doing + ": something is there"};
  return system_error(problem, doing);
}

Result<void> FilesystemDriver::settle(std::span<const Key> places) {
  std::set<std::string_view> parents;
  for (const Key& place : places) parents.insert(parent_of(place.path()));
  for (const std::string_view parent : parents) {
    auto settled = sync_folder(root_, std::string(parent));
    if (settled.ok()) settled = folders_.sync_all_above(std::string(parent));
    // What is gone altogether has no entry that could come back.
    if (!settled.ok() && settled.error().code != ErrorCode::NotFound) return settled;
  }
  return {};
}

namespace {

Result<std::unique_ptr<Hold>> lock_file(const Fd& root, const std::string& path, Sharing sharing) {
  // Reading is enough to lock it, so it does not matter which user's process made it.
  auto file = open_file(root, path, O_RDONLY | O_CREAT, 0666);
  if (!file.ok()) return std::move(file).error();
  auto locked = sharing == Sharing::Shared ? FileLock::share(file.value()) : FileLock::take(file.value());
  if (!locked.ok()) return std::move(locked).error().in(path);
  return std::unique_ptr<Hold>(std::make_unique<HeldLock>(std::move(file).value(), std::move(locked).value()));
}

}  // namespace

// The kernel lets those who share a lock pass one who waits for it alone, for ever if they keep coming. So all go
// through a turnstile, and who wants the lock alone stands in it while waiting.
Result<std::unique_ptr<Hold>> FilesystemDriver::hold(const Key& lock, Sharing sharing) {
  const std::string& path = lock.path();
  if (sharing == Sharing::Shared) {
    if (auto made = folders_.make(std::string(parent_of(path))); !made.ok()) return std::move(made).error();
  }
  auto turnstile = lock_file(root_, path + ".turn", sharing);
  if (!turnstile.ok()) return std::move(turnstile).error();
  return lock_file(root_, path, sharing);
}

Result<std::unique_ptr<Hold>> FilesystemDriver::try_hold(const Key& lock) {
  if (auto made = folders_.make(std::string(parent_of(lock.path()))); !made.ok()) return std::move(made).error();
  const bool is_new = ::faccessat(root_.get(), lock.path().c_str(), F_OK, 0) != 0;
  auto file = open_file(root_, lock.path(), O_RDONLY | O_CREAT, 0666);
  if (!file.ok()) return std::move(file).error();
  auto locked = FileLock::try_take(file.value());
  if (!locked.ok()) return std::move(locked).error().in(lock.path());
  constexpr std::array<timespec, 2> long_ago{};
  if (is_new) ::futimens(file.value().get(), long_ago.data());
  return std::unique_ptr<Hold>(std::make_unique<HeldLock>(std::move(file).value(), std::move(locked).value()));
}

Result<std::unique_ptr<Draft>> FilesystemDriver::create_draft(const Key& folder) {
  return FilesystemDraft::create(root_, folders_, folder.path());
}

Result<std::unique_ptr<Draft>> FilesystemDriver::open_draft(const Key& folder) {
  return FilesystemDraft::open(root_, folders_, folder.path());
}

Result<DraftStatus> FilesystemDriver::draft_status(const Key& folder) const {
  return FilesystemDraft::status(root_, folder.path());
}

Result<bool> FilesystemDriver::discard_idle_draft(const Key& folder) {
  return FilesystemDraft::discard_idle(root_, folder.path());
}

}  // namespace caisson::registry::store
