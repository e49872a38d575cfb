// What the master has to know of a loaded configuration; everything else is the worker's business.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/rights.h"
#include "app/tls_hosts.h"
#include "base/shared_memory.h"
#include "config/source.h"
#include "net/address.h"
#include "net/listener.h"
#include "observe/error_log.h"

namespace caisson::app {

inline constexpr const char* default_pid_path = "/run/nginx.pid";

struct Plan {
  struct Listener {
    net::Address address;
    net::ListenOptions options;
    config::SourcePos at;
  };

  bool daemon = true;
  bool master_process = true;
  std::string pid_path;         // "": none
  bool logs_to_stderr = false;  // error_log is, or includes, standard error
  observe::ErrorLog error_log;  // of the main context
  std::vector<Listener> listeners;
  WorkerRights worker;
  std::vector<SharedMemories::Wanted> memories;  // that workers have in common
  std::vector<CertificateTerm> certificates;     // that clients are shown
  // How long a worker that was told to finish may take for it; none: as long as its requests take.
  std::optional<std::chrono::milliseconds> shutdown_timeout;
  bool term_finishes = false;  // SIGTERM lets workers finish, as QUIT does: registry:2's draintimeout
  // Put here by load_from_disk():
  config::Files files;     // all that was read to load it; the worker loads the same from these
  observe::LogFiles logs;  // all that were opened
};

}  // namespace caisson::app
