// A worker as the master sees it.
//
// Ownership: the channel closes with it, which makes a worker that still runs drain. Threading: one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
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

  bool ready = false;    // it said so
  bool leaving = false;  // it was told to go
  bool killed = false;   // it took too long
  std::string failures;  // what it said why it cannot start; one reason a line

  void send_signal(int number) const noexcept;
  void close_channel() noexcept { channel_.reset(); }

 private:
  WorkerProcess(pid_t pid, Fd channel, std::shared_ptr<const Generation> generation)
      : pid_(pid), channel_(std::move(channel)), generation_(std::move(generation)) {}

  pid_t pid_;
  Fd channel_;
  std::shared_ptr<const Generation> generation_;
  Clock::time_point started_at_ = Clock::now();
};

}  // namespace caisson::app
