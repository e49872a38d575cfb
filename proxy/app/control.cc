#include "app/control.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <stdexcept>

#include "app/handover.h"

namespace caisson::app {

namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

Fd watch_signals(std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  return Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

}  // namespace

void block_signals() {
  const sigset_t set = set_of({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD});
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Control::Control(Fd channel, observe::LogFiles& logs)
    : all_(::epoll_create1(EPOLL_CLOEXEC)),
      signals_(watch_signals({SIGTERM, SIGINT, SIGQUIT})),
      channel_(std::move(channel)),
      logs_(logs) {
  watch(signals_);
  watch(channel_);
}

Control::Control(std::function<Result<void>()> on_ready, observe::LogFiles& logs)
    : all_(::epoll_create1(EPOLL_CLOEXEC)),
      signals_(watch_signals({SIGTERM, SIGINT, SIGQUIT, SIGUSR1})),
      logs_(logs),
      on_ready_(std::move(on_ready)) {
  watch(signals_);
}

void Control::watch(const Fd& fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(all_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) {
    throw std::runtime_error(system_error(errno, "epoll_ctl() of the control descriptors").what);
  }
}

std::optional<Control::Command> Control::next() {
  if (auto command = next_signal()) return command;
  return next_message();
}

std::optional<Control::Command> Control::next_signal() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  if (info.ssi_signo == SIGQUIT) return Command::Quit;
  if (info.ssi_signo != SIGUSR1) return Command::Stop;
  logs_.reopen();
  return Command::LogsReopened;
}

std::optional<Control::Command> Control::next_message() {
  if (!channel_) return std::nullopt;
  Result<std::optional<Message>> received = receive_message(channel_.get(), false);
  if (!received.ok() && received.error().code == ErrorCode::Busy) return std::nullopt;
  if (!received.ok() || !received.value()) {
    channel_.reset();  // the master has gone
    return Command::Quit;
  }
  Message& message = *received.value();
  if (message.kind == files_changed) {
    Result<config::Files> changed = files_in(message);
    if (!changed.ok()) return std::nullopt;
    for (auto& file : changed.value()) files_.push_back(std::move(file));
    return Command::FilesChanged;
  }
  if (message.kind != log_reopened || message.descriptors.size() != 1) return std::nullopt;
  const auto log = logs_.all().find(message.text);
  if (log != logs_.all().end()) static_cast<void>(log->second->replace(message.descriptors.front()));
  return Command::LogsReopened;
}

Result<void> Control::ready() {
  if (on_ready_) return on_ready_();
  return send_message(channel_.get(), worker_ready, "");
}

void Control::failed(std::span<const Error> errors) {
  std::string text;
  for (const Error& error : errors) {
    failures_.push_back(error.what);
    text += error.what;
    text += '\n';
  }
  if (channel_) static_cast<void>(send_message(channel_.get(), worker_failed, text));
}

}  // namespace caisson::app
