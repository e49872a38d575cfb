// A log that lines are appended to, and that can be opened anew while threads write to it (log rotation, USR1).
//
// Ownership: shared; the loggers that write to it keep it alive. Threading: every member may be called by any thread.
// Errors:    a line that cannot be written is dropped, as in nginx: a full disk stops no request.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::observe {

class LineWriter;

class LogFile {
 public:
  // Opens for appending, creates with mode 0644.
  static Result<std::shared_ptr<LogFile>> open(const std::string& path);
  // Standard error, which cannot be reopened; the destructor leaves it open.
  static std::shared_ptr<LogFile> standard_error();

  // Takes over what another process opened for appending.
  LogFile(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // One write(2) of the whole text, which ends with a line end: lines of several threads and processes never mix.
  void write(std::string_view lines) const noexcept;

  // From now on writes go to what is now at path(), created when missing; what its LineWriters hold goes to the old
  // file before that, a line that is being written goes whole to either. Nothing changes when that fails. Does nothing
  // for standard error.
  Result<void> reopen();
  // The same with a descriptor that another process opened.
  Result<void> replace(const Fd& opened);

  const std::string& path() const noexcept { return path_; }  // empty: standard error
  int descriptor() const noexcept { return file_.get(); }     // to hand to another process

 private:
  friend class LineWriter;
  friend class LogFiles;
  const std::string path_;
  Fd file_;  // its number never changes: a new file is put under it with dup3(2), which is atomic
  std::mutex mutex_;
  std::set<LineWriter*> buffers_;  // guarded by mutex_
};

// The open logs of a process, one per path however many directives name it.
//
// Threading: one thread; the logs themselves may be used by others meanwhile.
class LogFiles {
 public:
  LogFiles() = default;
  // For another configuration: logs that `before` has open are taken from there when open() asks for them.
  explicit LogFiles(const LogFiles& before) : spare_(before.files_) {}
  LogFiles(LogFiles&&) = default;
  LogFiles& operator=(const LogFiles&) = delete;
  LogFiles& operator=(LogFiles&&) = default;

  // The log at `path`, opened now unless it is open already. "stderr" is standard error.
  Result<std::shared_ptr<LogFile>> open(const std::string& path);
  // Makes a log known that another process opened: open() then finds it without any right to the path.
  void adopt(const std::string& path, Fd file);
  // Reopens all; the errors of those that could not be, which go on as they were.
  std::vector<Error> reopen();
  // Writes what LineWriters have held for as long as they may. When to call it again; nothing: never, since none has
  // such a limit. While other threads write.
  std::optional<std::chrono::steady_clock::time_point> flush_due(std::chrono::steady_clock::time_point now) const;
  const std::map<std::string, std::shared_ptr<LogFile>>& all() const noexcept { return files_; }

 private:
  std::map<std::string, std::shared_ptr<LogFile>> files_;
  std::map<std::string, std::shared_ptr<LogFile>> spare_;  // open, but not asked for
};

// Writes lines to a LogFile at once, or gathers them in a buffer (access_log's buffer= and flush=). Text that does not
// fit makes room by writing what is there; lines stay whole and in order. Who serves calls LogFiles::flush_due().
//
// Threading: every member may be called by any thread. The destructor writes the rest.
class LineWriter {
 public:
  // `longest`: how long a line may wait in the buffer; zero: as long as it takes to fill.
  explicit LineWriter(std::shared_ptr<LogFile> file, std::size_t buffer_size = 0,
                      std::chrono::milliseconds longest = {});
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // `line` without line end.
  void write(std::string_view line);
  // Writes what is buffered. A reopen of the log and the destructor do it, too.
  void flush();

 private:
  friend class LogFiles;
  // Writes what has waited too long. When something may have next.
  std::chrono::steady_clock::time_point flush_due(std::chrono::steady_clock::time_point now);

  const std::shared_ptr<LogFile> file_;
  const std::size_t buffer_size_;
  const std::chrono::milliseconds longest_;
  mutable std::mutex mutex_;
  std::string buffer_;                                   // guarded by mutex_
  std::chrono::steady_clock::time_point waiting_since_;  // guarded by mutex_
};

}  // namespace caisson::observe
