#include "app/worker_process.h"

#include <signal.h>

#include "app/worker.h"

namespace caisson::app {

namespace {

// How long a worker may take from its first instruction to "ready".
constexpr std::chrono::seconds longest_start{60};
// How long a worker that was told to end at once may take.
constexpr std::chrono::seconds longest_stop{2};

}  // namespace

WorkerProcess::WorkerProcess(pid_t pid, Fd channel, std::shared_ptr<const Generation> generation)
    : pid_(pid),
      channel_(std::move(channel)),
      generation_(std::move(generation)),
      deadline_(started_at_ + longest_start) {}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const HandoverView& handover, int error_output,
                                                            std::shared_ptr<const Generation> generation) {
  Result<std::pair<Fd, Fd>> channel = make_channel();
  if (!channel.ok()) return std::move(channel).error();
  auto& [ours, theirs] = channel.value();
  Result<pid_t> pid = start_worker(theirs.get(), error_output);
  if (!pid.ok()) return std::move(pid).error();
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(pid.value(), std::move(ours), std::move(generation)));
  theirs.reset();
  if (Result<void> sent = send_handover(worker->channel(), handover); !sent.ok()) {
    worker->kill();
    return std::move(sent).error();
  }
  return worker;
}

void WorkerProcess::became_ready() noexcept {
  ready_ = true;
  deadline_.reset();
}

void WorkerProcess::finish(std::optional<std::chrono::milliseconds> limit) {
  leaving_ = true;
  deadline_.reset();
  if (limit) deadline_ = Clock::now() + *limit;
  ::kill(pid_, SIGQUIT);
}

void WorkerProcess::stop() {
  leaving_ = stopping_ = true;
  deadline_ = Clock::now() + longest_stop;
  ::kill(pid_, SIGTERM);
}

void WorkerProcess::abandon(std::string_view reason) {
  ready_ = false;
  failures_ += reason;
  kill();
}

void WorkerProcess::escalate() {
  if (!ready_ && !leaving_) {
    abandon("the worker process was not ready after " + std::to_string(longest_start.count()) + " seconds");
  } else if (stopping_) {
    kill();
  } else {
    stop();
  }
}

void WorkerProcess::kill() noexcept {
  deadline_.reset();
  ::kill(pid_, SIGKILL);
}

}  // namespace caisson::app
