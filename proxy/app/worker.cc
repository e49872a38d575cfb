#include "app/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/text.h"

namespace caisson::app {

namespace {

constexpr const char* channel_variable = "CAISSON_WORKER_CHANNEL";
constexpr int channel_number = 3;

}  // namespace

int worker_channel() {
  const char* const value = ::getenv(channel_variable);
  if (value == nullptr) return -1;
  const auto number = text::to_number(value);
  return number ? static_cast<int>(*number) : -1;
}

int run_worker(Product& product, int channel_fd) {
  ::unsetenv(channel_variable);
  ::prctl(PR_SET_NAME, "caisson", 0, 0, 0);  // exec left "exe" there
  block_signals();
  Fd channel(channel_fd);
  ::fcntl(channel.get(), F_SETFD, FD_CLOEXEC);

  Result<Handover> received = receive_handover(channel.get());
  if (!received.ok()) return EXIT_FAILURE;  // the master is gone or broken: nobody to tell
  Handover& handover = received.value();
  observe::LogFiles logs;
  for (NamedFd& log : handover.logs) logs.adopt(log.name, std::move(log.fd));
  SharedMemories memories;
  for (NamedFd& memory : handover.memories) memories.adopt(std::move(memory.name), std::move(memory.fd));
  Control control(std::move(channel), logs);
  if (Result<void> become_done = become(handover.rights); !become_done.ok()) {
    control.failed({&become_done.error(), 1});
    return EXIT_FAILURE;
  }
  return product.serve({handover.invocation, std::move(handover.files), std::move(handover.listeners), logs, memories,
                        handover.check_only, control});
}

Result<pid_t> start_worker(int channel, int error_output) {
  // Everything that allocates is done before the fork.
  const std::string setting = std::string(channel_variable) + '=' + std::to_string(channel_number);
  std::vector<char*> environment;
  for (char** at = environ; *at != nullptr; ++at) environment.push_back(*at);
  environment.push_back(const_cast<char*>(setting.c_str()));
  environment.push_back(nullptr);
  char title[] = "caisson: worker process";
  const std::array<char*, 2> arguments{title, nullptr};

  const pid_t pid = ::fork();
  if (pid < 0) return system_error(errno, "fork()");
  if (pid > 0) return pid;
  // The child. Blocked signals stay blocked over exec, so none is lost until the worker watches them.
  if (error_output != STDERR_FILENO) ::dup2(error_output, STDERR_FILENO);
  // dup2() onto itself would leave close-on-exec set.
  if (channel == channel_number) {
    ::fcntl(channel, F_SETFD, 0);
  } else {
    ::dup2(channel, channel_number);
  }
  ::execve("/proc/self/exe", arguments.data(), environment.data());
  ::_exit(127);
}

}  // namespace caisson::app
