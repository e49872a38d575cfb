// Going to the background.
//
// Ownership: owns the pipe to the process that waits in the foreground. Threading: one thread.
#pragma once

#include "base/handle.h"
#include "base/result.h"
#include "observe/error_log.h"

namespace caisson::app {

class Daemon {
 public:
  // Stays in the foreground.
  Daemon() = default;

  // Returns in a background process, without terminal and with standard input and output at /dev/null; standard error
  // stays until finish(), for complaints. The process that called waits, and exits with 0 after finish(), with 1 when
  // the background process ended before it.
  static Result<Daemon> start();

  // It runs: makes the log the standard error, then lets the foreground process go. Nothing in the foreground.
  void finish(const observe::ErrorLog& log);

  // The descriptor that a worker's standard error should be: the terminal does not close while anybody has it open.
  int error_output(const observe::ErrorLog& log) const noexcept;

 private:
  explicit Daemon(Fd started) : started_(std::move(started)) {}
  Fd started_;  // open for as long as this lives: finish() only writes to it
};

}  // namespace caisson::app
