// Serving by loaded settings: one loop that accepts and listens to the master, and N loops that the connections are
// dealt to, each on its own thread.
#pragma once

#include <cstddef>
#include <vector>

#include "app/control.h"
#include "app/handover.h"
#include "rules/loader.h"

namespace caisson::app {

// Serves until control says Stop or Quit. Returns the exit status of the process.
int serve_settings(const rules::Settings& settings, std::vector<NamedFd> listeners, std::size_t loops,
                   Control& control);

}  // namespace caisson::app
