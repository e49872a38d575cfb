// Gives a parsed configuration its meaning: walks the directives, hands each to the module that registered it, and
// collects every error instead of stopping at the first.
//
// Threading: one thread. The Settings it makes are read-only and shared afterwards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/arguments.h"
#include "config/parser.h"
#include "config/source.h"
#include "rules/language.h"
#include "rules/template.h"

namespace caisson {
class SharedMemories;
}
namespace caisson::async {
class BlockingPool;
}
namespace caisson::observe {
class ConnectionCounts;
class ConnectionSlots;
class LogFile;
class LogFiles;
class Metrics;
}  // namespace caisson::observe

namespace caisson::rules {

// Where relative paths start: nginx's -p, and the folder of the configuration file. Both end in '/'.
struct Paths {
  std::string prefix;
  std::string conf;
  std::string error_log;  // the log when the configuration names none (-e); complete, or "stderr"
};

// What handlers made from settings run on. Where a configuration is only checked (-t, the master) nothing runs, and the
// pools are null.
struct Services {
  async::BlockingPool* disk = nullptr;    // file system calls of the embedded registry
  async::BlockingPool* hashes = nullptr;  // password hashing
  async::BlockingPool* names = nullptr;   // name resolution
  const observe::ConnectionCounts* connections = nullptr;
  observe::ConnectionSlots* slots = nullptr;  // connections to backends are counted there
  const SharedMemories* memories = nullptr;   // what outlives a reload; null: nothing does
  observe::LogFiles* logs = nullptr;          // the open logs; null: log directives are checked only
  observe::Metrics* metrics = nullptr;        // what Prometheus gets to read
};

// A loaded configuration.
struct Settings {
  explicit Settings(const Language& l) : language(l), variables(l.variables()) {}
  const Language& language;
  VariableTable variables;
  Level root{Main, nullptr, {}};
  std::vector<std::string> warnings;  // each with file and line
  std::set<std::string> logs;         // all logs that are written to: complete paths, or "stderr"
  // To be run, in order, by the process that is going to serve, with its final rights: opens what must be there, such
  // as the registry's folder. An error ends the start.
  std::vector<std::function<Result<void>()>> start_checks;
};

class Loader {
 public:
  Loader(const Language& language, config::Source& files, Paths paths, Services services);

  // Loads a whole configuration. Errors are complete and in the order of the text; the settings are null when there is
  // one. `parsed` brings its own, and its warnings.
  struct Loaded {
    std::unique_ptr<Settings> settings;
    std::vector<Error> errors;
    std::vector<std::string> warnings;
  };
  Loaded load(config::Parsed parsed);

  // For the modules' functions:

  Level& level() noexcept { return *level_; }
  Level& root() noexcept { return settings_->root; }
  // A new level inside the current one, filled with the directive's block. Errors inside are noted, not returned.
  // `prepare` gets the new level before the directives in it are read.
  Level& read_block(const config::Directive& directive, Block kind, const std::function<void(Level&)>& prepare = {});

  Result<Template> compile(std::string_view text, const config::Directive& directive);
  // The number of a variable that is read, as in "if ($name)".
  std::size_t use_variable(std::string_view name, const config::Directive& directive);
  // A variable that the configuration makes, as VariableTable::define(); `written` with its "$". An error when it has
  // no name, or one of those that a request brings along.
  Result<std::size_t> define_variable(std::string_view written, const config::Directive& directive,
                                      VariableTable::Getter getter = nullptr, bool remembered = true);
  // The same for a regex's named groups; numbers in its order.
  Result<std::vector<std::size_t>> define_captures(const Regex& regex, const config::Directive& directive);
  Result<Regex> regex(std::string_view pattern, Regex::Case letters, const config::Directive& directive);
  VariableTable& variables() noexcept { return settings_->variables; }
  config::Source& files() noexcept { return files_; }
  const Services& services() const noexcept { return services_; }

  // A path as nginx completes it: certificates and htpasswd files from the folder of the configuration, logs and roots
  // from the prefix.
  std::string from_conf(std::string_view path) const;
  std::string from_prefix(std::string_view path) const;

  void note(Error error) { errors_.push_back({order_, std::move(error)}); }
  const Paths& paths() const noexcept { return paths_; }

  // Notes that the log at this complete path is written to, and opens it; null where a configuration is only checked.
  Result<std::shared_ptr<observe::LogFile>> open_log(const std::string& path);

  // "MESSAGE in FILE:LINE", logged once at start.
  void warn(const config::SourcePos& at, std::string_view message, std::string_view hint = {});
  // The same, complete with its place.
  void warn(std::string_view complete) { settings_->warnings.emplace_back(complete); }
  void at_start(std::function<Result<void>()> check) { settings_->start_checks.push_back(std::move(check)); }

 private:
  void apply(const config::Directive& directive);
  void note_unknown_variables();
  void note_without_effect(const config::Directive& directive);
  void tell_without_effect();

  const Language& language_;
  config::Source& files_;
  Paths paths_;
  Services services_;
  std::unique_ptr<Settings> settings_;
  Level* level_ = nullptr;
  struct Noted {
    unsigned order;
    Error error;
  };
  std::vector<Noted> errors_;
  unsigned order_ = 0;                                    // of the directive that is read
  std::map<std::size_t, config::SourcePos> first_uses_;   // of variables
  std::vector<const config::Directive*> without_effect_;  // the first of each name; borrowed while load() runs
};

}  // namespace caisson::rules
