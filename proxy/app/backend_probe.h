// `caisson check --probe`: the backends of a configuration that registries stand behind are spoken to, as their
// clients' requests would be passed on.
//
// Ownership: values. Threading: one thread; it waits.
#pragma once

#include <string>
#include <vector>

#include "advice/advice.h"
#include "app/invocation.h"
#include "config/directive.h"

namespace caisson::app {

struct BackendFinding {
  config::SourcePos at;  // the proxy_pass, or the server of its upstream
  std::string text;
  bool good = false;
};

// Backends whose names nobody knows, which keep nginx from starting. It waits for name servers.
std::vector<advice::Finding> unknown_names(const std::vector<config::Directive>& configuration);

// `configuration` is a whole one that loads. In the order of the files; each backend once for each place that names it.
std::vector<BackendFinding> probe_backends(const Invocation& invocation,
                                           const std::vector<config::Directive>& configuration);

}  // namespace caisson::app
