#include "auth/file_writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/handle.h"

namespace caisson::auth {
namespace {

Result<void> write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return system_error(errno, "write() \"" + path + '"');
    }
  }
  if (::fsync(file) != 0) return system_error(errno, "fsync() \"" + path + '"');
  return {};
}

Result<void> write_in_place(const std::string& path, std::string_view text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return system_error(errno, "open() \"" + path + '"');
  return write_all(file.get(), text, path);
}

// A file beside `path`, with its owner and mode. Nothing when there can be none.
struct Beside {
  std::string path;
  Fd file;
};
Beside make_beside(const std::string& path, const struct stat& old) {
  Beside made{path + ".XXXXXX", Fd()};
  made.file.reset(::mkostemp(made.path.data(), O_CLOEXEC));
  if (!made.file) return made;
  if (::fchown(made.file.get(), old.st_uid, old.st_gid) == 0 && ::fchmod(made.file.get(), old.st_mode & 07777U) == 0) {
    return made;
  }
  ::unlink(made.path.c_str());
  made.file.reset();
  return made;
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view text) {
  struct stat old {};
  if (::stat(path.c_str(), &old) != 0) {
    if (errno != ENOENT) return system_error(errno, "stat() \"" + path + '"');
    return write_in_place(path, text);
  }
  std::error_code none;
  const std::string real = std::filesystem::canonical(path, none).string();
  if (none) return write_in_place(path, text);
  const Beside beside = make_beside(real, old);
  if (!beside.file) return write_in_place(path, text);
  if (Result<void> written = write_all(beside.file.get(), text, beside.path); !written.ok()) {
    ::unlink(beside.path.c_str());
    return written;
  }
  if (::rename(beside.path.c_str(), real.c_str()) == 0) return {};
  ::unlink(beside.path.c_str());
  return write_in_place(path, text);
}

}  // namespace caisson::auth
