#include "app/master.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <set>

#include "app/new_binary.h"
#include "app/trial.h"
#include "base/text.h"

namespace caisson::app {

namespace {

using std::chrono::milliseconds;

// A worker that lived for less died young: each of those doubles the wait before the next one.
constexpr std::chrono::seconds young{5};
constexpr milliseconds first_respawn_delay{100};
constexpr milliseconds longest_respawn_delay{10'000};
// poll() counts in an int.
constexpr milliseconds longest_poll{86'400'000};

std::string name_of_signal(unsigned number) {
  const char* const name = ::sigabbrev_np(static_cast<int>(number));
  return std::to_string(number) + " (SIG" + (name != nullptr ? name : "?") + ')';
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines = text::split(text, '\n');
  std::erase(lines, "");
  return lines;
}

}  // namespace

Master::Master(Product& product, const Invocation& invocation, observe::ErrorLog console, std::vector<Fd> inherited)
    : product_(product),
      invocation_(invocation),
      console_(std::move(console)),
      predecessor_(inherited.empty() ? 0 : ::getppid()) {
  sockets_.adopt(std::move(inherited));
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD}) {
    ::sigaddset(&set, number);
  }
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

// run() has seen all workers end, unless an exception ended it.
Master::~Master() {
  for (const auto& worker : workers_) worker->kill();
}

int Master::run(Plan plan) {
  if (!start(std::move(plan))) return EXIT_FAILURE;
  while (!(workers_.empty() && (failed_start_ || stopping_ != Stopping::No))) turn();
  if (failed_start_) return EXIT_FAILURE;
  log_.notice("exit");
  return EXIT_SUCCESS;
}

bool Master::start(Plan plan) {
  const std::vector<Error> errors = sockets_.open(plan.listeners, patience_at_start);
  for (const Error& error : errors) console_.emerg(error.what);
  if (!errors.empty()) {
    // All that is wrong is told at once.
    for (const std::string& problem : check_in_worker(invocation_, plan)) console_.emerg(problem);
    return false;
  }
  log_ = plan.error_log;
  if (Result<void> made = memories_.make(plan.memories); !made.ok()) {
    console_.emerg(made.error().what);
    return false;
  }
  if (plan.daemon && predecessor_ == 0) {  // who has a predecessor is in the background already
    Result<Daemon> started = Daemon::start();
    if (!started.ok()) {
      console_.emerg(started.error().what);
      return false;
    }
    daemon_ = std::move(started).value();
  }
  log_.notice("caisson/" CAISSON_VERSION);
  coming_ = std::make_shared<Generation>(Generation{++generations_, std::move(plan)});
  return start_worker(coming_);
}

// What happens, happens here.

void Master::turn() {
  std::vector<pollfd> waited{{signals_.get(), POLLIN, 0}};
  for (const auto& worker : workers_) waited.push_back({worker->channel(), POLLIN, 0});  // a closed one is -1: ignored

  int timeout = -1;
  if (const auto deadline = next_deadline()) {
    const auto left = std::chrono::ceil<milliseconds>(*deadline - Clock::now());
    timeout = static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, longest_poll.count()));
  }
  if (::poll(waited.data(), waited.size(), timeout) < 0 && errno != EINTR) {
    log_.alert(system_error(errno, "poll()").what);
  }
  // Messages first: what a worker said before it died counts. on_ready() may start no worker, so the order holds.
  for (std::size_t i = 1; i < waited.size(); ++i) {
    if (waited[i].revents != 0) take_messages(*workers_[i - 1]);
  }
  if (waited.front().revents != 0) take_signals();
  on_deadlines();
}

std::optional<Master::Clock::time_point> Master::next_deadline() const {
  std::optional<Clock::time_point> next;
  const auto sooner = [&](Clock::time_point at) { next = next ? std::min(*next, at) : at; };
  if (respawn_at_) sooner(*respawn_at_);
  if (look_at_) sooner(*look_at_);
  if (certificates_.deadline()) sooner(*certificates_.deadline());
  for (const auto& worker : workers_) {
    if (worker->deadline()) sooner(*worker->deadline());
  }
  return next;
}

void Master::on_deadlines() {
  const auto now = Clock::now();
  for (const auto& worker : workers_) {
    if (worker->deadline() && now >= *worker->deadline()) worker->escalate();
  }
  if (look_at_ && now >= *look_at_) {
    look_at_ = now + WatchedFiles::look_every;
    take_up_changed_files();
  }
  if (certificates_.deadline() && now >= *certificates_.deadline()) certificates_.remind(log_);
  if (respawn_at_ && now >= *respawn_at_) {
    respawn_at_.reset();
    if (!start_worker(current_)) respawn_at_ = now + longest_respawn_delay;
  }
}

void Master::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) on_signal(info);
}

void Master::on_signal(const signalfd_siginfo& info) {
  if (info.ssi_signo == SIGCHLD) return reap();
  std::string received = "signal " + name_of_signal(info.ssi_signo) + " received from " + std::to_string(info.ssi_pid);
  switch (info.ssi_signo) {
    case SIGTERM:
      if (stopping_ == Stopping::No && plan_in_force().term_finishes) {
        log_.notice(received + ", shutting down");
        return stop(Stopping::Gracefully);
      }
      [[fallthrough]];
    case SIGINT:
      log_.notice(received + ", exiting");
      return stop(Stopping::AtOnce);
    case SIGQUIT:
      log_.notice(received + ", shutting down");
      return stop(Stopping::Gracefully);
    case SIGHUP:
      log_.notice(received + ", reconfiguring");
      return reload();
    case SIGUSR1:
      log_.notice(received + ", reopening logs");
      return reopen_logs();
    case SIGUSR2:
      if (!in_background()) {
        log_.notice(received + ", ignoring: a new binary would end with this process, which is in the foreground");
      } else if (has_predecessor() || successor_ != 0) {
        log_.notice(received + ", ignoring");
        log_.crit("the changing binary signal is ignored: the old or the new binary's process is to be ended before");
      } else {
        log_.notice(received + ", changing binary");
        start_successor();
      }
      return;
    case SIGWINCH:  // a terminal sends it, too, to what is in its foreground
      if (!in_background()) return;
      log_.notice(received + ", stop accepting connections");
      return stop_accepting();
    default:
      return;
  }
}

const Plan& Master::plan_in_force() const { return (current_ != nullptr ? current_ : coming_)->plan; }

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
  for (const std::string_view reason : lines_of(worker.failures())) log_.emerg(reason);
  const bool died_young = Clock::now() - worker.started_at() < young;
  respawn_delay_ = !died_young                   ? milliseconds(0)
                   : respawn_delay_.count() == 0 ? first_respawn_delay
                                                 : std::min(respawn_delay_ * 2, longest_respawn_delay);
  respawn_at_ = Clock::now() + respawn_delay_;
}

// Workers come and go.

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
  for (const std::string_view reason : lines_of(why)) console_.emerg(reason);
  failed_start_ = true;
}

// Files that change by themselves.

// All that was read but the configuration itself, which waits for a reload.
void Master::watch_files() {
  const config::Files& all = current_->plan.files;
  config::MemorySource memory(all);
  config::RecordingSource configuration(memory);
  static_cast<void>(read_configuration(invocation_, configuration));
  std::set<std::string> texts_of_configuration;
  for (const auto& [path, text] : configuration.files()) texts_of_configuration.insert(path);
  config::Files others;
  std::copy_if(all.begin(), all.end(), std::back_inserter(others),
               [&](const auto& file) { return !texts_of_configuration.contains(file.first); });
  look_at_.reset();
  if (!others.empty()) look_at_ = Clock::now() + WatchedFiles::look_every;
  watched_ = WatchedFiles(std::move(others));
  changed_.clear();
}

// A certificate and its key are two files: while only one of them has changed they do not fit, and the old pair stays.
void Master::take_up_changed_files() {
  config::Files changed = watched_.look();
  if (changed.empty()) return;
  std::string names;
  for (auto& [path, text] : changed) {
    names += (names.empty() ? "\"" : ", \"") + path + '"';
    std::erase_if(changed_, [&path = path](const auto& file) { return file.first == path; });
    changed_.emplace_back(path, std::move(text));
  }
  config::Files files = current_->plan.files;
  for (auto& [path, text] : files) {
    const auto found =
        std::find_if(changed_.begin(), changed_.end(), [&](const auto& file) { return file.first == path; });
    if (found != changed_.end()) text = found->second;
  }
  config::MemorySource memory(files);
  observe::LogFiles logs(current_->plan.logs);
  Product::Loaded loaded = product_.load(invocation_, memory, logs);
  if (!loaded.plan) {
    log_.error(names + " changed and cannot be used as it is; what was in force before goes on");
    return log_errors(loaded.errors);
  }
  log_.notice(names + " changed and is in force now");
  for (const std::string& warning : loaded.warnings) log_.warn(warning);
  current_->plan.files = std::move(files);
  certificates_.take(std::move(loaded.plan->certificates), log_);
  for (const auto& worker : workers_) {
    if (worker->generation() != current_ || worker->channel() < 0) continue;
    if (Result<void> sent = send_files(worker->channel(), changed_); !sent.ok()) log_.alert(sent.error().what);
  }
  changed_.clear();
}

// Reload, reopen, stop.

void Master::reload() {
  if (stopping_ != Stopping::No) return;
  if (successor_ != 0) return accept_again();  // the configuration is the new binary's now
  if (coming_ != nullptr) {
    reload_again_ = true;
    return;
  }
  Product::Loaded loaded = load_from_disk(product_, invocation_, current_->plan.logs);
  for (const std::string& warning : loaded.warnings) log_.warn(warning);
  if (!loaded.plan) return log_errors(loaded.errors);
  std::vector<Error> errors = sockets_.open(loaded.plan->listeners, milliseconds(0));
  if (Result<void> made = memories_.make(loaded.plan->memories); !made.ok()) errors.push_back(made.error());
  if (!errors.empty()) return log_errors(errors);
  coming_ = std::make_shared<Generation>(Generation{++generations_, std::move(*loaded.plan)});
  if (!start_worker(coming_)) give_up_reload("no worker could be started");
}

void Master::give_up_reload(const std::string& why) {
  for (const std::string_view reason : lines_of(why)) log_.emerg(reason);
  log_.error("the configuration in force before goes on unchanged");
  coming_ = nullptr;
  keep_only_what(current_->plan);
  if (std::exchange(reload_again_, false)) reload();
}

void Master::retire_older_than(const Generation& generation) {
  for (const auto& worker : workers_) {
    if (worker->generation()->number >= generation.number || worker->leaving()) continue;
    worker->finish(generation.plan.shutdown_timeout);
  }
}

void Master::reopen_logs() {
  std::set<const Generation*> generations{current_.get(), coming_.get()};
  for (const auto& worker : workers_) generations.insert(worker->generation().get());
  std::set<observe::LogFile*> logs;  // generations share most of them
  for (const Generation* generation : generations) {
    if (generation == nullptr) continue;
    for (const auto& [path, log] : generation->plan.logs.all()) logs.insert(log.get());
  }
  for (observe::LogFile* log : logs) {
    if (Result<void> reopened = log->reopen(); !reopened.ok()) log_.emerg(reopened.error().what);
  }
  for (const auto& worker : workers_) {
    if (worker->channel() < 0) continue;
    for (const auto& [path, descriptor] : descriptors_of(worker->generation()->plan.logs)) {
      Result<void> sent = send_message(worker->channel(), log_reopened, path, {&descriptor, 1});
      if (!sent.ok()) log_.alert(sent.error().what);
    }
  }
}

void Master::stop(Stopping how) {
  if (stopping_ == Stopping::AtOnce) return;
  stopping_ = how;
  respawn_at_.reset();
  look_at_.reset();
  for (const auto& worker : workers_) {
    if (how == Stopping::AtOnce) {
      worker->stop();
    } else if (!worker->leaving()) {
      worker->finish(worker->generation()->plan.shutdown_timeout);
    }
  }
  close_sockets_but({});
}

// Changing the binary.

bool Master::in_background() const noexcept {
  return predecessor_ != 0 || (current_ != nullptr && current_->plan.daemon);
}

void Master::keep_only_what(const Plan& plan) {
  close_sockets_but(plan.listeners);
  memories_.keep_only(plan.memories);
}

void Master::close_sockets_but(const std::vector<Plan::Listener>& wanted) {
  sockets_.keep_only(wanted, successor_ != 0 || has_predecessor());
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

void Master::log_errors(const std::vector<Error>& errors) const {
  for (const Error& error : errors) log_.emerg(error.what);
}

}  // namespace caisson::app
