// The file that names the process which takes signals.
//
// Ownership: write() makes it ours, the destructor removes what is ours. Threading: one thread.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "observe/error_log.h"

namespace caisson::app {

class PidFile {
 public:
  PidFile() = default;
  ~PidFile() { remove(); }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Names this process in the file, whole from its first moment on; "" is no file. A file at another path, written
  // before, is removed.
  Result<void> write(const std::string& path);
  // Gives its place to a new binary, and stands beside it under PID.oldbin; and back again.
  Result<void> step_aside();
  Result<void> step_back();
  void remove() noexcept;

 private:
  Result<void> move_to(const std::string& path);
  std::string path_;  // where it is now; empty: nowhere
};

// Whether the file could be written; leaves nothing behind. "" is no file.
Result<void> check_pid_file(const std::string& path);

// Whether process 1 is this program, as in a container of its own. It needs no pid file: signals find it without.
bool is_process_1_this_program();

// There a pid file that could not be written, in a container that is read-only, is a warning and no error.
Result<void> excused_in_container(Result<void> written, const observe::ErrorLog& log);

// Whose number is in the file. Errors in nginx's words.
Result<pid_t> read_pid_file(const std::string& path);

}  // namespace caisson::app
