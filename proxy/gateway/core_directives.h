// The directives of nginx's core: the blocks main, events and http, process settings, and CoreSettings.
// ngx_core_module, ngx_event_core_module, ngx_http_core_module.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/error_log.h"
#include "rules/language.h"

namespace caisson::gateway {

// What the main block says of the process; app/ acts on it.
struct ProcessSettings {
  std::optional<std::string> user;
  std::optional<std::string> group;
  config::SourcePos user_at;
  std::optional<std::uint64_t> worker_processes;  // 0: auto
  std::optional<std::string> pid;                 // complete path
  std::optional<bool> daemon;
  std::optional<bool> master_process;
  std::optional<std::uint64_t> worker_rlimit_nofile;
  std::optional<std::uint64_t> worker_connections;
  std::optional<std::chrono::milliseconds> worker_shutdown_timeout;
};

// `error_log`, as it stands at one level; app/ reads the root's for the master's own messages.
struct ErrorLogFiles {
  struct File {
    std::string path;  // complete, or "stderr"
    observe::Level level = observe::Level::Error;
  };
  std::vector<File> files;
};

void describe_core(rules::Language& language);

}  // namespace caisson::gateway
