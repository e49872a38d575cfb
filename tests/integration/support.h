// The binary under test as its users meet it: started as a process, spoken to over sockets, watched from outside.
//
// Nothing here sleeps for a fixed time: what cannot be waited for is looked at again and again until a deadline, which
// is long, because only a failing test reaches it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"

namespace integration {

using Seconds = std::chrono::seconds;
inline constexpr Seconds patience{20};

// Looks at the condition every few milliseconds; false when it did not come true in time.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit = patience);

// Gone after the test, with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(std::string_view name = "") const { return (path_ / name).string(); }
  // Writes a file, replacing it whole; returns its path.
  std::string write(std::string_view name, std::string_view text) const;
  std::string read(std::string_view name) const;  // "" when it is not there
  bool has(std::string_view name) const { return std::filesystem::exists(path_ / name); }

 private:
  std::filesystem::path path_;
};

bool contains(std::string_view text, std::string_view what);
// How often it stands there.
std::size_t count(std::string_view text, std::string_view what);

// What only root can set up is tested as root.
bool is_root();

// A TCP port on 127.0.0.1 that nobody listens on.
std::uint16_t free_port();

// A child process. What it writes to standard output and error is kept, also what its own children write.
class Process {
 public:
  // REQUIRES: argv[0] is the path of a program.
  explicit Process(std::vector<std::string> argv, const std::vector<std::string>& environment = {});
  // Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  // The exit status, 128 + the number of the signal that ended it; nothing when it still runs after the limit.
  std::optional<int> wait(std::chrono::milliseconds limit = patience);
  std::string output() const { return folder_.read("stdout"); }
  std::string errors() const { return folder_.read("stderr"); }

 private:
  TemporaryFolder folder_;
  pid_t pid_ = -1;
  caisson::Fd ended_;  // a pidfd
  std::optional<int> status_;
};

// The processes whose parent is `pid`.
std::vector<pid_t> children_of(pid_t pid);
bool is_running(pid_t pid);
// A line of /proc/PID/status without its name: "Uid" -> "65534\t65534...". Empty when there is none.
std::string status_line(pid_t pid, std::string_view name);

// A client's connection. Every call throws std::runtime_error when it does not end before the deadline.
class Connection {
 public:
  explicit Connection(std::uint16_t port);
  // Whether a connection to the port is refused.
  static bool refused(std::uint16_t port);

  void send(std::string_view bytes);
  // Everything up to the end of the stream; a reset ends it, too.
  std::string read_to_end();
  // At least up to `mark`.
  std::string read_until(std::string_view mark);
  int fd() const noexcept { return fd_.get(); }

 private:
  // Appends what comes; false at the end.
  bool read_some(std::string& into);
  caisson::Fd fd_;
};

// GET over a connection of its own: the body of the answer, or "" when there was none.
std::string get(std::uint16_t port, std::string_view path = "/");

// The path of the binary: environment CAISSON_BINARY, or the one of this build.
std::string binary();

// The binary serving a configuration, in a folder of its own with the names "nginx.conf", "pid", "error.log".
class Server {
 public:
  // `main` and `http` are what the configuration says in these blocks, beside what the tests need. Does not start.
  explicit Server(std::string main = "", std::string http = "");
  // Stops at once what runs.
  ~Server();

  // Writes the configuration anew; `http` in the http block.
  void configure(std::string_view http, std::string_view main = "") const;
  // Starts, and waits until it serves. Throws with what it said when it does not.
  void start();
  // Starts, whether it can or not.
  void launch();
  Process& master() { return *master_; }
  // The one worker that is there, when it is there.
  pid_t worker();
  // A process of the same binary with the same configuration and further arguments, such as "-t"; its exit status.
  int call(std::vector<std::string> arguments);
  std::string said() const { return said_; }        // standard error of the last call()
  std::string printed() const { return printed_; }  // standard output of it

  const TemporaryFolder& folder() const noexcept { return folder_; }
  std::string log() const { return folder_.read("error.log"); }
  // Waits for a text in the error log.
  bool logs(std::string_view text) const;

 private:
  std::vector<std::string> command() const;
  TemporaryFolder folder_;
  std::unique_ptr<Process> master_;
  std::string said_;
  std::string printed_;
};

// A server block that answers every request with the text.
std::string answering(std::uint16_t port, std::string_view text);

}  // namespace integration
