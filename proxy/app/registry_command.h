// registry:2's command line: `caisson registry ...`, and all of it when the program is called "registry" or
// "docker-registry".
//
// Threading: the main thread.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "app/invocation.h"

namespace caisson::app {

// What the arguments ask for: to serve (or to test a configuration), to look after a store, or only to say something.
struct RegistryCommand {
  std::optional<Invocation> serve;
  // Looks after a store; the exit status. Uses the arguments.
  std::function<int()> work;
  // Without either:
  std::string output;  // to standard output
  std::string errors;  // to standard error
  int status = 0;
};

// Nothing when the arguments are not for a registry. `environment` is the process's, as environ(7) has it.
std::optional<RegistryCommand> parse_registry_command(std::span<const char* const> argv, char** environment);

// A call that serves by this configuration: a config.yml, or one of nginx's when its name ends with .conf; "" for what
// the environment says.
Invocation invocation_for(const std::string& conf, char** environment);

// Makes the file of users that the configuration names when it is not there, as registry:2 does: user "docker" with a
// random password. The file is for its owner alone. The password is written beside it, not to a log; the message tells
// where. Nothing when there is nothing to do.
Result<std::optional<std::string>> provision_users(const Invocation& invocation);

}  // namespace caisson::app
