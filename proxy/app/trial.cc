#include "app/trial.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "app/handover.h"
#include "app/worker_process.h"

namespace caisson::app {

std::vector<std::string> check_in_worker(const Invocation& invocation, const Plan& plan) {
  const HandoverView handover{invocation, plan.worker, true, plan.files, {}, descriptors_of(plan.logs)};
  Result<std::unique_ptr<WorkerProcess>> started = WorkerProcess::start(handover, STDERR_FILENO, nullptr);
  if (!started.ok()) return {started.error().what};
  const WorkerProcess& worker = *started.value();
  std::vector<std::string> problems = {"the worker process ended before it was ready"};
  for (;;) {
    Result<std::optional<Message>> received = receive_message(worker.channel(), true);
    if (!received.ok() || !received.value()) break;
    const Message& message = *received.value();
    if (message.kind == worker_ready) problems.clear();
    if (message.kind == worker_failed) problems = {message.text.substr(0, message.text.find_last_not_of('\n') + 1)};
  }
  while (::waitpid(worker.pid(), nullptr, 0) < 0 && errno == EINTR) {
  }
  return problems;
}

}  // namespace caisson::app
