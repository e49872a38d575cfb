#include "auth/htpasswd_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/handle.h"

namespace caisson::auth {
namespace {

// Coarser than any file system's clock that matters: FAT's and old NFS's are the slowest.
constexpr time_t settle_seconds = 2;

Result<std::string> read_all(int file, const std::string& path) {
  std::string text;
  char block[16 * 1024];
  for (;;) {
    const ssize_t n = ::read(file, block, sizeof block);
    if (n == 0) return text;
    if (n > 0) {
      text.append(block, static_cast<std::size_t>(n));
      if (text.size() > HtpasswdFiles::most_bytes) return Error{ErrorCode::TooLarge, '"' + path + "\" is too large"};
    } else if (errno != EINTR) {
      return system_error(errno, "read() \"" + path + '"');
    }
  }
}

}  // namespace

bool HtpasswdFiles::Stamp::same_file(const Stamp& other) const noexcept {
  return device == other.device && inode == other.inode && size == other.size &&
         modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
}

HtpasswdFiles::Users HtpasswdFiles::hand_over(const std::string& path, std::string_view text) {
  auto reading = std::make_shared<Reading>();
  reading->users = std::make_shared<const Htpasswd>(Htpasswd::parse(text, path));
  reading->text = text;
  const Users users = reading->users;
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[path];
  entry.reading = std::move(reading);
  entry.handed = true;
  return users;
}

bool HtpasswdFiles::was_handed(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(path);
  return entry != entries_.end() && entry->second.handed;
}

Result<HtpasswdFiles::Users> HtpasswdFiles::current(const std::string& path, Clock::time_point now, Lost lost,
                                                    const Listener& listener) {
  const auto is_kept = [lost](const Reading& reading) {
    return reading.error && reading.users && lost == Lost::KeepLast;
  };
  const auto answer = [&is_kept](const Reading& reading) -> Result<Users> {
    if (reading.error && !is_kept(reading)) return *reading.error;
    return reading.users;
  };
  std::shared_ptr<const Reading> before;
  bool handed = false;
  {
    const std::lock_guard lock(mutex_);
    if (!entries_.contains(path)) make_room();
    Entry& entry = entries_[path];
    before = entry.reading;
    handed = entry.handed;
    if (before && now < entry.looked + look_every) return answer(*before);
    entry.looked = now;  // others go on with what is known meanwhile
  }
  const std::shared_ptr<const Reading> after = read(path, before.get(), handed);
  if (!after) return answer(*before);
  if (after->users && (!before || after->users != before->users)) listener.on_read(*after->users);
  if (is_kept(*after) && !before->error) listener.on_kept(*after->error);
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(path);
    // A newer hand-over counts more than what was being read while it came.
    if (entry != entries_.end() && entry->second.reading == before) entry->second.reading = after;
  }
  return answer(*after);
}

// Null when nothing has changed since `before`.
std::shared_ptr<const HtpasswdFiles::Reading> HtpasswdFiles::read(const std::string& path, const Reading* before,
                                                                  bool handed) {
  auto after = std::make_shared<Reading>();
  const auto failed = [&](Error error) -> std::shared_ptr<const Reading> {
    after->error = std::move(error);
    if (before != nullptr) {
      after->users = before->users;
      after->text = before->text;
    }
    return after;
  };
  if (path.find('\0') != std::string::npos) return failed(system_error(ENOENT, "open() of a path with a NUL"));
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // a fifo must not stop the loop
  if (!file) {
    const int why = errno;
    if (handed && before != nullptr && (why == EACCES || why == EPERM)) return nullptr;
    return failed(system_error(why, "open() \"" + path + '"'));
  }
  struct stat state {};
  if (::fstat(file.get(), &state) != 0) return failed(system_error(errno, "fstat() \"" + path + '"'));
  const Stamp stamp{state.st_dev, state.st_ino, state.st_size, state.st_mtim,
                    state.st_mtim.tv_sec + settle_seconds < std::time(nullptr)};
  if (before != nullptr && before->stamp && before->stamp->settled && before->stamp->same_file(stamp)) return nullptr;
  Result<std::string> text = read_all(file.get(), path);
  if (!text.ok()) return failed(std::move(text).error());
  after->stamp = stamp;
  after->text = std::move(text).value();
  after->users = before != nullptr && before->users && before->text == after->text
                     ? before->users
                     : std::make_shared<const Htpasswd>(Htpasswd::parse(after->text, path));
  return after;
}

void HtpasswdFiles::make_room() {
  const auto is_handed = [](const auto& entry) { return entry.second.handed; };
  const auto handed = static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), is_handed));
  if (entries_.size() - handed < most_unhanded) return;
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.handed) continue;
    if (oldest == entries_.end() || entry->second.looked < oldest->second.looked) oldest = entry;
  }
  entries_.erase(oldest);
}

}  // namespace caisson::auth
