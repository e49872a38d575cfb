#include "app/master.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "app/trial.h"
#include "base/text.h"

namespace caisson::app {

namespace {

using std::chrono::milliseconds;

// poll() counts in an int.
constexpr milliseconds longest_poll{86'400'000};

std::string name_of_signal(unsigned number) {
  const char* const name = ::sigabbrev_np(static_cast<int>(number));
  return std::to_string(number) + " (SIG" + (name != nullptr ? name : "?") + ')';
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

void Master::tell_reasons(const observe::ErrorLog& log, std::string_view reasons) {
  for (const std::string_view reason : text::split(reasons, '\n')) {
    if (!reason.empty()) log.emerg(reason);
  }
}

void Master::log_errors(const std::vector<Error>& errors) const {
  for (const Error& error : errors) log_.emerg(error.what);
}

}  // namespace caisson::app
