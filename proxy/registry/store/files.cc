#include "registry/store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

namespace caisson::registry::store {
namespace {

// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

bool leads_to_folder(int parent, const dirent& entry) {
  if (entry.d_type == DT_DIR) return true;
  if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return false;
  struct stat status {};
  return ::fstatat(parent, entry.d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<Fd> open_file(const Fd& root, const std::string& path, int flags, mode_t mode) {
  Fd file(uninterrupted([&] { return ::openat(root.get(), path.c_str(), flags | O_CLOEXEC, mode); }));
  if (!file) return system_error(errno, "open \"" + path + '"');
  return file;
}

Result<std::size_t> read_at(const Fd& file, std::uint64_t offset, std::span<std::byte> into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t n = uninterrupted(
        [&] { return ::pread(file.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done)); });
    if (n < 0) return system_error(errno, "read");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<void> write_at(const Fd& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = uninterrupted([&] {
      return ::pwrite(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    });
    if (n < 0) return system_error(errno, "write");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::uint64_t> size_of(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error(errno, "stat");
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> sync_file(const Fd& file) {
  if (uninterrupted([&] { return ::fdatasync(file.get()); }) != 0) return system_error(errno, "sync");
  return {};
}

Result<void> sync_folder(const Fd& root, const std::string& path) {
  auto folder = open_file(root, path, O_RDONLY | O_DIRECTORY);
  if (!folder.ok()) return std::move(folder).error();
  // EINVAL: a file system that has nothing to sync for a folder says so this way.
  if (uninterrupted([&] { return ::fsync(folder.value().get()); }) != 0 && errno != EINVAL) {
    return system_error(errno, "sync folder \"" + path + '"');
  }
  return {};
}

Result<void> rename_file(const Fd& root, const std::string& from, const std::string& to) {
  if (::renameat(root.get(), from.c_str(), root.get(), to.c_str()) != 0) {
    return system_error(errno, "rename \"" + from + "\" to \"" + to + '"');
  }
  return {};
}

Result<void> unlink_file(const Fd& root, const std::string& path) {
  if (::unlinkat(root.get(), path.c_str(), 0) != 0) return system_error(errno, "unlink \"" + path + '"');
  return {};
}

Result<std::vector<FolderEntry>> list_folder(const Fd& root, const std::string& path) {
  auto folder = open_file(root, path, O_RDONLY | O_DIRECTORY);
  if (!folder.ok()) return std::move(folder).error();
  const std::unique_ptr<DIR, FreeWith<&::closedir>> stream(::fdopendir(folder.value().get()));
  if (!stream) return system_error(errno, "list \"" + path + '"');
  (void)folder.value().release();  // the stream closes it
  std::vector<FolderEntry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      entries.push_back({std::string(name), leads_to_folder(::dirfd(stream.get()), *entry), entry->d_type == DT_LNK});
    }
    errno = 0;
  }
  if (errno != 0) return system_error(errno, "list \"" + path + '"');
  return entries;
}

Result<void> remove_tree(const Fd& root, const std::string& path) {
  auto entries = list_folder(root, path);
  if (!entries.ok()) {
    if (entries.error().code == ErrorCode::NotFound) return {};
    return std::move(entries).error();
  }
  for (const FolderEntry& entry : entries.value()) {
    const std::string inner = path + '/' + entry.name;
    auto removed = entry.is_folder && !entry.is_link ? remove_tree(root, inner) : unlink_file(root, inner);
    if (!removed.ok() && removed.error().code != ErrorCode::NotFound) return removed;
  }
  if (::unlinkat(root.get(), path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT && errno != ENOTEMPTY) {
    return system_error(errno, "remove folder \"" + path + '"');
  }
  return {};
}

Result<timespec> changed_at(const Fd& root, const std::string& path) {
  struct stat status {};
  if (::fstatat(root.get(), path.c_str(), &status, 0) != 0) return system_error(errno, "stat \"" + path + '"');
  return status.st_mtim;
}

Result<void> touch(const Fd& root, const std::string& path) {
  if (::utimensat(root.get(), path.c_str(), nullptr, 0) != 0) return system_error(errno, "touch \"" + path + '"');
  return {};
}

Result<FileLock> FileLock::lock(const Fd& file, int operation) {
  if (uninterrupted([&] { return ::flock(file.get(), operation); }) == 0) return FileLock(file.get());
  if (errno == EWOULDBLOCK) return Error{ErrorCode::Conflict, "somebody has it locked"};
  return system_error(errno, "lock");
}

Result<FileLock> FileLock::take(const Fd& file) { return lock(file, LOCK_EX); }
Result<FileLock> FileLock::share(const Fd& file) { return lock(file, LOCK_SH); }
Result<FileLock> FileLock::try_take(const Fd& file) { return lock(file, LOCK_EX | LOCK_NB); }

FileLock::~FileLock() {
  if (fd_ >= 0) ::flock(fd_, LOCK_UN);
}

std::array<std::byte, 16> random_bytes() {
  std::array<std::byte, 16> bytes{};
  const ssize_t n = uninterrupted([&] { return ::getrandom(bytes.data(), bytes.size(), 0); });
  if (n != static_cast<ssize_t>(bytes.size())) throw std::system_error(errno, std::generic_category(), "getrandom");
  return bytes;
}

}  // namespace caisson::registry::store
