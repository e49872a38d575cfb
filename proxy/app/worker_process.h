// A worker as the master sees it.
//
// Ownership: the channel closes with it, which makes a worker that still runs drain. Threading: one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/handover.h"
#include "base/handle.h"
#include "base/result.h"

namespace caisson::app {

// One configuration as it was loaded, with a number that grows.
struct Generation;

class WorkerProcess {
 public:
  using Clock = std::chrono::steady_clock;

  // Starts a process and hands over.
  static Result<std::unique_ptr<WorkerProcess>> start(const HandoverView& handover, int error_output,
                                                      std::shared_ptr<const Generation> generation);

  pid_t pid() const noexcept { return pid_; }
  int channel() const noexcept { return channel_.get(); }
  const std::shared_ptr<const Generation>& generation() const noexcept { return generation_; }
  Clock::time_point started_at() const noexcept { return started_at_; }

  bool ready() const noexcept { return ready_; }      // it said so
  bool leaving() const noexcept { return leaving_; }  // it was told to go
  // What it said why it cannot start; one reason a line.
  const std::string& failures() const noexcept { return failures_; }

  void became_ready() noexcept;
  void said_failures(std::string_view reasons) { failures_ += reasons; }
  // Finish what is in hand and end; no more than `limit` for it, when there is one.
  void finish(std::optional<std::chrono::milliseconds> limit);
  // End at once.
  void stop();
  // Ends a worker that has not started as it should, for this reason.
  void abandon(std::string_view reason);

  // When it must have done what it was told last; then escalate() is due, which tells it the next harsher thing.
  const std::optional<Clock::time_point>& deadline() const noexcept { return deadline_; }
  void escalate();

  void kill() noexcept;
  void close_channel() noexcept { channel_.reset(); }

 private:
  WorkerProcess(pid_t pid, Fd channel, std::shared_ptr<const Generation> generation);

  pid_t pid_;
  Fd channel_;
  std::shared_ptr<const Generation> generation_;
  Clock::time_point started_at_ = Clock::now();
  std::optional<Clock::time_point> deadline_;
  bool ready_ = false;
  bool leaving_ = false;
  bool stopping_ = false;  // at once
  std::string failures_;
};

}  // namespace caisson::app
