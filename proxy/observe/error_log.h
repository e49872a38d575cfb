// The error log, in nginx's form, or in one of those that registry:2 writes (observe/structured.h):
//
//   2026/11/21 03:15:00 [error] 123#124: *7 message, client: 1.2.3.4, server: x, request: "GET / HTTP/1.1", host: "h"
//   time="2026-11-21T03:15:00.123456789Z" level=error msg=message http.request.remoteaddr=1.2.3.4 service=registry
//
// Ownership: an ErrorLog is a cheap handle on shared targets; copy it freely. Threading: every member may be called by
// any thread. Errors: none; a line that cannot be written is dropped.
//
// Nothing secret goes here: no password, token or Authorization value. Control bytes are escaped on the way, so what
// a client sent may be quoted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observe/log_file.h"
#include "observe/syslog.h"

namespace caisson::observe {

// nginx's levels; a log that takes one takes all that are worse.
enum class Level : std::uint8_t { Debug, Info, Notice, Warn, Error, Crit, Alert, Emerg };

std::string_view name_of(Level level) noexcept;                    // "emerg"
std::optional<Level> level_named(std::string_view name) noexcept;  // as in `error_log FILE warn;`

// What is known of the connection and request that a line is about; what is empty is left out.
struct LogContext {
  std::uint64_t connection = 0;  // its number in this process, from 1 on
  std::string_view client;       // address
  std::string_view server;       // the server block's first name, which may be ""; null: none is known
  std::string_view request;      // request line
  std::string_view subrequest;   // path
  std::string_view upstream;     // URL
  std::string_view host;
  std::string_view referrer;
};

// How lines are written. With a form of registry:2 each line has the fields, which are the user's.
struct LineForm {
  enum class Kind : std::uint8_t { Nginx, Text, Json, Logstash } kind = Kind::Nginx;
  std::vector<std::pair<std::string, std::string>> fields = {};
};

class ErrorLog {
 public:
  struct Target {
    std::shared_ptr<LogFile> file;
    Level level = Level::Error;
    // When not empty, lines have the form of a command's complaint instead: "caisson: [emerg] message".
    std::string program{};
    // In the place of a file: a syslog server.
    std::shared_ptr<Syslog> syslog{};
  };

  // Without targets nothing is enabled.
  ErrorLog() = default;
  explicit ErrorLog(const std::vector<Target>& targets, LineForm form = {});

  // Whether any target takes the level: one comparison, to be asked before a message is put together.
  bool enabled(Level level) const noexcept { return level >= least_ && logger_ != nullptr; }

  // The log file of the first target that is a file; null when none is.
  const LogFile* first_file() const noexcept;

  // A line longer than 2 KiB is cut, as in nginx.
  void write(Level level, std::string_view message, const LogContext& context = {}) const;

  void emerg(std::string_view message, const LogContext& context = {}) const { write(Level::Emerg, message, context); }
  void alert(std::string_view message, const LogContext& context = {}) const { write(Level::Alert, message, context); }
  void crit(std::string_view message, const LogContext& context = {}) const { write(Level::Crit, message, context); }
  void error(std::string_view message, const LogContext& context = {}) const { write(Level::Error, message, context); }
  void warn(std::string_view message, const LogContext& context = {}) const { write(Level::Warn, message, context); }
  void notice(std::string_view message, const LogContext& context = {}) const {
    write(Level::Notice, message, context);
  }
  void info(std::string_view message, const LogContext& context = {}) const { write(Level::Info, message, context); }
  void debug(std::string_view message, const LogContext& context = {}) const { write(Level::Debug, message, context); }

 private:
  struct Logger;
  std::shared_ptr<const Logger> logger_;
  Level least_ = Level::Emerg;  // the mildest level that any target takes
};

}  // namespace caisson::observe
