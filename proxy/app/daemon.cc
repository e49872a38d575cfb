#include "app/daemon.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace caisson::app {

Result<Daemon> Daemon::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error(errno, "pipe2()");
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_error(errno, "fork()");
  if (pid > 0) {
    writing.reset();
    char started = 0;
    ssize_t n = 0;
    do {
      n = ::read(reading.get(), &started, 1);
    } while (n < 0 && errno == EINTR);
    ::_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);  // the child owns everything that exit handlers would end
  }
  if (::setsid() < 0) return system_error(errno, "setsid()");
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return system_error(errno, "open() \"/dev/null\"");
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(null.get(), STDOUT_FILENO);
  return Daemon(std::move(writing));
}

int Daemon::error_output(const observe::ErrorLog& log) const noexcept {
  if (!started_) return STDERR_FILENO;
  // A log that is standard error is the terminal's still.
  const bool to_file = log.first_file() != nullptr && !log.first_file()->path().empty();
  return to_file ? log.first_file()->descriptor() : STDOUT_FILENO;  // which is /dev/null
}

void Daemon::finish(const observe::ErrorLog& log) {
  if (!started_) return;
  ::dup2(error_output(log),
         STDERR_FILENO);  // first: who waits for the foreground process may wait for its terminal, too
  const char started = 1;
  static_cast<void>(!::write(started_.get(), &started, 1));
}

}  // namespace caisson::app
