// The tools beside the gate, called by a first word: `caisson htpasswd ...`; htpasswd also by its own name.
#pragma once

#include <optional>
#include <span>

namespace caisson::app {

// Runs the tool that the arguments name; its exit status. Nothing when they name none: nginx's command line follows.
std::optional<int> run_tool(std::span<const char* const> argv);

}  // namespace caisson::app
