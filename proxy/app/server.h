// Serving by loaded settings: one loop that accepts and listens to the master, and N loops that the connections are
// dealt to, each on its own thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "app/control.h"
#include "app/handover.h"
#include "gateway/virtual_hosts.h"
#include "observe/connection_counts.h"
#include "observe/connection_slots.h"
#include "observe/log_file.h"
#include "rules/loader.h"

namespace caisson::app {

// Called with files that changed (Control::take_files()): the virtual hosts as they are with these, whose certificates
// and keys new connections get. Null: they keep those that they have.
using Renew = std::function<std::shared_ptr<const gateway::VirtualHosts>(const config::Files& changed)>;

// What serve_settings() works with; all references outlive it.
struct ServerParts {
  const rules::Settings& settings;
  std::vector<NamedFd> listeners;
  std::size_t loops = 1;
  Control& control;
  observe::ConnectionCounts& connections;
  observe::ConnectionSlots& slots;  // no more clients at a time than these
  const observe::LogFiles& logs;
  Renew renew;
};

// Serves until control says Stop or Quit. Returns the exit status of the process.
int serve_settings(ServerParts parts);

}  // namespace caisson::app
