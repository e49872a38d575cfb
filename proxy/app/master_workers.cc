// The master's workers: how they start, what they say, and what follows when they end.

#include "app/master.h"

#include <sys/wait.h>

#include <algorithm>

namespace caisson::app {

using std::chrono::milliseconds;

namespace {

// A worker that lived for less died young: each of those doubles the wait before the next one.
constexpr std::chrono::seconds young{5};
constexpr milliseconds first_respawn_delay{100};

}  // namespace

void Master::take_messages(WorkerProcess& worker) {
  while (worker.channel() >= 0) {
    Result<std::optional<Message>> received = receive_message(worker.channel(), false);
    if (!received.ok() && received.error().code == ErrorCode::Busy) return;
    if (!received.ok() || !received.value()) return worker.close_channel();  // it ends; SIGCHLD tells how
    const Message& message = *received.value();
    if (message.kind == worker_ready && !worker.ready()) {
      worker.became_ready();
      on_ready(worker);
    } else if (message.kind == worker_failed) {
      worker.said_failures(message.text);
    }
  }
}

void Master::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == successor_) on_successor_exit(status);
    const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const auto& w) { return w->pid() == pid; });
    if (found == workers_.end()) continue;  // process 1 of a container inherits the orphans of others
    const std::unique_ptr<WorkerProcess> worker = std::move(*found);
    workers_.erase(found);
    take_messages(*worker);
    on_exit(*worker, status);
  }
}

void Master::on_exit(WorkerProcess& worker, int status) {
  const std::string who = "worker process " + std::to_string(worker.pid());
  if (WIFSIGNALED(status)) {
    const auto level = worker.leaving() ? observe::Level::Notice : observe::Level::Alert;
    log_.write(level, who + " exited on signal " + std::to_string(WTERMSIG(status)));
  } else {
    log_.notice(who + " exited with code " + std::to_string(WEXITSTATUS(status)));
  }
  if (stopping_ != Stopping::No || worker.leaving()) return;
  if (!worker.ready() && worker.generation() == coming_) return on_failed_start(worker);
  if (worker.generation() != current_) return;
  tell_reasons(log_, worker.failures());
  const bool died_young = Clock::now() - worker.started_at() < young;
  respawn_delay_ = !died_young                   ? milliseconds(0)
                   : respawn_delay_.count() == 0 ? first_respawn_delay
                                                 : std::min(respawn_delay_ * 2, longest_respawn_delay);
  respawn_at_ = Clock::now() + respawn_delay_;
}

bool Master::start_worker(std::shared_ptr<const Generation> generation) {
  const Plan& plan = generation->plan;
  HandoverView handover{
      invocation_, plan.worker, false, plan.files, sockets_.of(plan.listeners), descriptors_of(plan.logs)};
  for (const auto& memory : plan.memories) {
    handover.memories.push_back({memory.name, memories_.descriptor(memory.name)});
  }
  Result<std::unique_ptr<WorkerProcess>> worker =
      WorkerProcess::start(handover, daemon_.error_output(plan.error_log), generation);
  if (!worker.ok()) {
    (running_ ? log_ : console_).alert(worker.error().what);
    return false;
  }
  log_.notice("start worker process " + std::to_string(worker.value()->pid()));
  workers_.push_back(std::move(worker).value());
  return true;
}

void Master::on_ready(WorkerProcess& worker) {
  if (worker.generation() != coming_ || stopping_ != Stopping::No) return;
  const Result<void> written = excused_in_container(pid_file_.write(coming_->plan.pid_path), log_);
  if (!written.ok()) {
    return worker.abandon(written.error().what);
  }
  // From here on the new configuration is in force.
  current_ = std::exchange(coming_, nullptr);
  respawn_at_.reset();
  respawn_delay_ = milliseconds(0);
  log_ = current_->plan.error_log;
  certificates_.take(current_->plan.certificates, log_);
  watch_files();
  keep_only_what(current_->plan);
  retire_older_than(*current_);
  if (!running_) {
    running_ = true;
    for (const Plan::Listener& listener : current_->plan.listeners) {
      log_.info("listening on " + listener.address.text());
    }
    daemon_.finish(log_);
  }
  if (std::exchange(reload_again_, false)) reload();
}

void Master::on_failed_start(WorkerProcess& worker) {
  std::string why = worker.failures();
  if (why.empty()) why = "worker process " + std::to_string(worker.pid()) + " ended before it was ready";
  if (running_) return give_up_reload(why);
  tell_reasons(console_, why);
  failed_start_ = true;
}

}  // namespace caisson::app
