// The users of each htpasswd file as they are now.
//
// nginx opens the file for each request, so an edit counts at once. Here the file is looked at once a second at most
// and read again when its size, time or inode changed. What the master read at start with its own rights is handed over
// and holds as long as this process may not read the file itself.
//
// Ownership: one for all loops. Threading: any thread. current() reads the disk when a file has changed; htpasswd files
// are small and local.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "auth/htpasswd.h"
#include "base/result.h"

namespace caisson::auth {

class HtpasswdFiles {
 public:
  using Clock = std::chrono::steady_clock;
  using Users = std::shared_ptr<const Htpasswd>;

  static constexpr std::chrono::seconds look_every{1};
  static constexpr std::size_t most_bytes = std::size_t{16} << 20;  // of one file
  // Paths that were never handed over: with variables in it, `auth_basic_user_file` can name any number of them.
  static constexpr std::size_t most_unhanded = 64;

  // Takes the text of a file that somebody else has read. Returns the users, for their warnings.
  Users hand_over(const std::string& path, std::string_view text);

  bool was_handed(const std::string& path);

  // Whether those who were in a file stay in force while it is gone or cannot be read.
  enum class Lost : bool { Refuse, KeepLast };
  // Who is told what a look at the disk brought: a new reading, or that the last one is kept since there is none.
  struct Listener {
    std::function<void(const Htpasswd&)> on_read;
    std::function<void(const Error&)> on_kept;
  };

  // The users now. Errors: NotFound when there is no such file; others when it cannot be read.
  Result<Users> current(const std::string& path, Clock::time_point now, Lost lost, const Listener& listener);

 private:
  // What tells one state of a file from another without reading it.
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    timespec modified;
    bool settled;  // a file that was just written can change again within one tick of its clock
    bool same_file(const Stamp& other) const noexcept;
  };
  struct Reading {
    Users users;                 // when it failed: those of the last one that did not
    std::optional<Error> error;  // why it failed
    std::optional<Stamp> stamp;  // of the file on disk, when this was read there
    std::string text;
  };
  struct Entry {
    std::shared_ptr<const Reading> reading;
    bool handed = false;
    Clock::time_point looked{};
  };

  static std::shared_ptr<const Reading> read(const std::string& path, const Reading* before, bool handed);
  void make_room();

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace caisson::auth
