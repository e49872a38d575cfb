// The language as its modules register it: directives, variables, phases. rules/ runs them and knows none of them;
// app/ is where all modules are named together.
//
// Ownership: the Language outlives the Settings loaded with it. Threading: filled by one thread at start, read-only
// afterwards.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/directive.h"
#include "rules/level.h"
#include "rules/phases.h"
#include "rules/variables.h"

namespace caisson::rules {

class Loader;

inline constexpr unsigned any_number = 1000;

struct DirectiveSpec {
  std::string_view name;
  unsigned blocks;  // where it may stand: Http | Server | Location
  unsigned least;   // arguments
  unsigned most;
  enum class Body { None, Required } body;
  // Takes the directive into loader.level(). Null: accepted with whatever arguments, and without effect.
  Result<void> (*apply)(Loader& loader, const config::Directive& directive);
  // Why the directive has no effect here, although it is accepted: apply only checks its arguments (checks.h).
  std::string_view no_effect = {};

  bool effective() const noexcept { return apply != nullptr && no_effect.empty(); }
};

// A directive of nginx or of one of its modules that is known here and refused: never ignored, and never a riddle.
struct RefusedDirective {
  std::string_view name;     // ending in '*': all names that begin so
  std::string_view way_out;  // what to do instead
};

class Language {
 public:
  // Called when a block of that kind has been read, before its level inherits: to check and to put together what its
  // directives said.
  using BlockEnd = Result<void> (*)(Loader& loader, Level& level);
  // Called once for the whole tree, after inheritance: to make what needs the settings in force. Also called when there
  // are errors already, so that all are told; what is missing then was told, too.
  using Finish = Result<void> (*)(Loader& loader, Level& root);

  void add_directives(std::span<const DirectiveSpec> specs);
  void add_refused(std::span<const RefusedDirective> refused);
  void add_variables(std::span<const VariableSpec> specs);
  // Those that a configuration may replace by its own ("set $ssl_protocol ...").
  void add_settable_variables(std::span<const VariableSpec> specs);
  void add_block_end(Block kind, BlockEnd hook) { block_ends_.push_back({kind, hook}); }
  void add_finish(Finish hook) { finishes_.push_back(hook); }
  // In the order in which they run.
  void add_preaccess_step(std::unique_ptr<PreaccessStep> step) { preaccess_steps_.push_back(std::move(step)); }
  void add_access_check(std::unique_ptr<AccessCheck> check) { access_checks_.push_back(std::move(check)); }
  void add_response_stage(std::unique_ptr<ResponseStage> stage) { response_stages_.push_back(std::move(stage)); }

  void add_observer(std::unique_ptr<RequestObserver> observer) { observers_.push_back(std::move(observer)); }

  // The meanings of a name, which may differ by block ("server" in http and in upstream).
  std::vector<const DirectiveSpec*> find(std::string_view name) const;
  // What is said of a name that is refused, or null.
  const RefusedDirective* find_refused(std::string_view name) const;
  // The known name nearest to a mistyped one, or "".
  std::string_view nearest(std::string_view name) const;

  const std::vector<DirectiveSpec>& directives() const noexcept { return directives_; }
  const std::vector<RefusedDirective>& refused() const noexcept { return refused_; }
  const std::vector<VariableSpec>& variables() const noexcept { return variables_; }
  const std::vector<std::unique_ptr<PreaccessStep>>& preaccess_steps() const noexcept { return preaccess_steps_; }
  const std::vector<std::unique_ptr<AccessCheck>>& access_checks() const noexcept { return access_checks_; }
  const std::vector<std::unique_ptr<ResponseStage>>& response_stages() const noexcept { return response_stages_; }
  const std::vector<std::unique_ptr<RequestObserver>>& observers() const noexcept { return observers_; }

 private:
  friend class Loader;
  struct AtBlockEnd {
    Block kind;
    BlockEnd hook;
  };
  std::vector<DirectiveSpec> directives_;
  std::vector<RefusedDirective> refused_;
  std::vector<VariableSpec> variables_;
  std::vector<AtBlockEnd> block_ends_;
  std::vector<Finish> finishes_;
  std::vector<std::unique_ptr<PreaccessStep>> preaccess_steps_;
  std::vector<std::unique_ptr<AccessCheck>> access_checks_;
  std::vector<std::unique_ptr<ResponseStage>> response_stages_;
  std::vector<std::unique_ptr<RequestObserver>> observers_;
};

}  // namespace caisson::rules
