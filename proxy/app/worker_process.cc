#include "app/worker_process.h"

#include <signal.h>

#include "app/worker.h"

namespace caisson::app {

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
    worker->send_signal(SIGKILL);
    return std::move(sent).error();
  }
  return worker;
}

void WorkerProcess::send_signal(int number) const noexcept { ::kill(pid_, number); }

}  // namespace caisson::app
