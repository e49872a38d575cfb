// What tells a worker to stop, to drain, or that a log was reopened; and what it says itself.
//
// Ownership: borrowed by the product while it serves. Threading: one thread, the one that watches fd().
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "base/result.h"
#include "config/source.h"
#include "observe/log_file.h"

namespace caisson::app {

class Control {
 public:
  enum class Command {
    Stop,          // end at once, whatever is under way
    Quit,          // accept nothing more, end when the last request has been answered
    LogsReopened,  // done already, under the LogFile objects
    FilesChanged,  // take_files() has them
  };

  // Of a worker process. `channel` leads to the master. REQUIRES: SIGTERM, SIGINT and SIGQUIT are blocked, and stay so
  // in every thread.
  Control(Fd channel, observe::LogFiles& logs);
  // Of a process that is its own master (master_process off): commands are its signals, SIGUSR1 among them. `on_ready`
  // may refuse.
  Control(std::function<Result<void>()> on_ready, observe::LogFiles& logs);

  // Becomes readable when there are commands: a loop waits on it. Never read it otherwise.
  int fd() const noexcept { return all_.get(); }
  // The next command; nothing when none waits.
  std::optional<Command> next();

  // The new texts of files that the configuration in force names, checked by the master; since the last call.
  config::Files take_files() { return std::exchange(files_, {}); }

  // Everything is loaded, checked with the final rights, and about to accept. An error ends the worker.
  Result<void> ready();
  // It cannot start. serve() then returns.
  void failed(std::span<const Error> errors);

  // Errors given to failed(), in the process that is its own master.
  const std::vector<std::string>& failures() const noexcept { return failures_; }

 private:
  void watch(const Fd& fd);
  std::optional<Command> next_signal();
  std::optional<Command> next_message();

  Fd all_;      // an epoll set of the other two
  Fd signals_;  // a signalfd
  Fd channel_;  // empty in the process that is its own master, and when the master has gone
  observe::LogFiles& logs_;
  std::function<Result<void>()> on_ready_;
  config::Files files_;
  std::vector<std::string> failures_;
};

// Blocks the signals that the process model uses, which every process of it takes from a descriptor; SIGPIPE is
// ignored.
void block_signals();

}  // namespace caisson::app
