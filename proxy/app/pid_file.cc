#include "app/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <limits>

#include "base/handle.h"
#include "base/text.h"
#include "config/source.h"

namespace caisson::app {

namespace {

// A second file beside it, renamed when it is whole: whoever waits for the pid file never reads an empty one.
std::string draft_of(const std::string& path) { return path + ".new"; }

constexpr std::string_view aside = ".oldbin";  // nginx's; scripts look for it

Error cannot_open(const std::string& path) { return system_error(errno, "open() \"" + path + '"'); }

}  // namespace

Result<void> PidFile::write(const std::string& path) {
  if (path == path_) return {};
  if (path.empty()) {
    remove();
    return {};
  }
  const std::string draft = draft_of(path);
  {
    const Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) return cannot_open(path);
    const std::string line = std::to_string(::getpid()) + '\n';
    if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      return system_error(errno, "write() \"" + path + '"');
    }
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) return system_error(errno, "rename() \"" + path + '"');
  remove();
  path_ = path;
  return {};
}

Result<void> PidFile::step_aside() {
  if (path_.empty()) return {};
  return move_to(path_ + std::string(aside));
}

Result<void> PidFile::step_back() {
  if (path_.empty()) return {};
  return move_to(path_.substr(0, path_.size() - aside.size()));
}

Result<void> PidFile::move_to(const std::string& path) {
  if (::rename(path_.c_str(), path.c_str()) != 0) {
    return system_error(errno, "rename() \"" + path_ + "\" to \"" + path + '"');
  }
  path_ = path;
  return {};
}

void PidFile::remove() noexcept {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
}

Result<void> check_pid_file(const std::string& path) {
  if (path.empty()) return {};
  const std::string draft = draft_of(path);
  const Fd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file) return cannot_open(path);
  ::unlink(draft.c_str());
  return {};
}

bool is_process_1_this_program() {
  struct stat first {};
  struct stat own {};
  return ::stat("/proc/1/exe", &first) == 0 && ::stat("/proc/self/exe", &own) == 0 && first.st_dev == own.st_dev &&
         first.st_ino == own.st_ino;
}

Result<void> excused_in_container(Result<void> written, const observe::ErrorLog& log) {
  if (written.ok() || !is_process_1_this_program()) return written;
  log.warn(written.error().what + "; signals go to process 1 without it");
  return {};
}

Result<pid_t> read_pid_file(const std::string& path) {
  Result<std::string> text = config::FileSource().read(path);
  if (!text.ok()) return std::move(text).error();
  const std::string_view digits = text::trimmed(text.value(), "\r\n");
  const auto number = text::to_number(digits);
  if (!number || *number == 0 || *number > std::numeric_limits<pid_t>::max()) {
    return Error{ErrorCode::BadConfig, "invalid PID number \"" + std::string(digits) + "\" in \"" + path + '"'};
  }
  return static_cast<pid_t>(*number);
}

}  // namespace caisson::app
