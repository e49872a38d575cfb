// How the master changes its binary: USR2, WINCH, and what they lead to. new_binary.h has nginx's protocol.

#include "app/master.h"

#include <sys/wait.h>

#include "app/new_binary.h"

namespace caisson::app {

bool Master::in_background() const noexcept {
  return predecessor_ != 0 || (current_ != nullptr && current_->plan.daemon);
}

void Master::start_successor() {
  // First, so that the new binary finds the place free.
  if (Result<void> moved = pid_file_.step_aside(); !moved.ok()) return log_.alert(moved.error().what);
  const std::vector<int> sockets = sockets_.descriptors();
  const Result<pid_t> started = start_new_binary(invocation_.call, sockets);
  if (!started.ok()) {
    log_.alert(started.error().what);
    if (Result<void> moved = pid_file_.step_back(); !moved.ok()) log_.alert(moved.error().what);
    return;
  }
  successor_ = started.value();
  log_.notice("start new binary process " + std::to_string(successor_));
}

void Master::on_successor_exit(int status) {
  const std::string who = "new binary process " + std::to_string(std::exchange(successor_, 0));
  log_.notice(WIFSIGNALED(status) ? who + " exited on signal " + std::to_string(WTERMSIG(status))
                                  : who + " exited with code " + std::to_string(WEXITSTATUS(status)));
  if (stopping_ != Stopping::No) return;  // it ended second: the pid file and the sockets' files were its own
  if (Result<void> moved = pid_file_.step_back(); !moved.ok()) log_.alert(moved.error().what);
  accept_again();
}

void Master::stop_accepting() {
  accepting_ = false;
  respawn_at_.reset();
  for (const auto& worker : workers_) {
    if (!worker->leaving()) worker->finish(worker->generation()->plan.shutdown_timeout);
  }
}

void Master::accept_again() {
  if (std::exchange(accepting_, true)) return;
  if (!start_worker(current_)) respawn_at_ = Clock::now() + longest_respawn_delay;
}

}  // namespace caisson::app
