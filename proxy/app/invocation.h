// What the program was called to do: nginx's command line, or registry:2's (app/registry_command.h).
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/parser.h"
#include "config/source.h"

namespace caisson::app {

struct Invocation {
  // Whose configuration `conf` is: nginx's language, or registry:2's config.yml with its variables.
  enum class Face { Nginx, Registry };
  Face face = Face::Nginx;
  std::vector<std::string> call;    // all of it, as it was
  std::string program = "caisson";  // program_name()
  bool show_version = false;        // -v, -V, -h
  bool show_build = false;          // -V
  bool show_help = false;           // -h, -?
  bool test = false;                // -t, -T
  bool dump = false;                // -T
  bool quiet = false;               // -q
  bool probe = false;               // check --probe
  std::string signal;               // -s: stop, quit, reopen or reload; empty: none
  std::string directives;           // -g

  // Where relative paths of the configuration start, with the slash at the end (-p).
  std::string prefix = "/usr/share/nginx/";
  // The configuration file (-c). A relative one starts at the prefix.
  std::string conf = "/etc/nginx/nginx.conf";
  // The error log until the configuration names one, and when it names none (-e): a path, or "stderr".
  std::string error_log = "stderr";
  bool error_log_given = false;  // by -e

  // Of registry:2's face. There `conf` is complete, or "" for none, and relative paths start where it was called.
  std::vector<std::string> environment;  // the variables that begin with REGISTRY_
  bool ipv6 = true;                      // whether there is any

  // A path as the configuration gives it, from the prefix on.
  std::string from_prefix(const std::string& path) const { return path.starts_with('/') ? path : prefix + path; }
};

// How messages begin: "nginx" when called by that name, otherwise "caisson".
std::string program_name(std::span<const char* const> argv);

// "caisson check [--probe] ARGUMENTS": -t, and more with --probe. Nothing for any other call.
std::optional<Result<Invocation>> parse_check(std::span<const char* const> argv);

// Reads the arguments, argv[0] among them. The error is nginx's: `invalid option: "x"`.
Result<Invocation> parse_invocation(std::span<const char* const> argv);

// The directives of -g, then those of the configuration file and all that it includes; or those that stand for
// registry:2's configuration.
config::Parsed read_configuration(const Invocation& invocation, config::Source& files);

// What -v, -V and -h print to standard error; `build_options` is the last line of -V.
std::string version_text(const Invocation& invocation, std::string_view build_options);

}  // namespace caisson::app
