#include "rules/loader.h"

#include <algorithm>
#include <limits>
#include <span>

#include "observe/log_file.h"

namespace caisson::rules {

namespace {

// A directive that would be right one block further in: the usual slip is to delete the line that opens the block.
std::string_view missing_opening(std::span<const DirectiveSpec* const> meanings, Block here) {
  for (const DirectiveSpec* meaning : meanings) {
    if (here == Main && (meaning->blocks & Http) != 0) return "is an \"http {\" line missing before it?";
    if (here == Http && (meaning->blocks & Server) != 0) return "is a \"server {\" line missing before it?";
    if (here == Server && (meaning->blocks & Location) != 0) return "is a \"location ... {\" line missing before it?";
  }
  return {};
}

}  // namespace

Loader::Loader(const Language& language, config::Source& files, Paths paths, Services services)
    : language_(language), files_(files), paths_(std::move(paths)), services_(services) {}

Loader::Loaded Loader::load(config::Parsed parsed) {
  settings_ = std::make_unique<Settings>(language_);
  level_ = &settings_->root;
  for (config::ParseError& error : parsed.errors) errors_.push_back({error.order, std::move(error)});
  settings_->warnings = std::move(parsed.warnings);
  for (const config::Directive& directive : parsed.directives) apply(directive);
  for (const auto& [kind, hook] : language_.block_ends_) {
    if (kind != Main) continue;
    if (Result<void> done = hook(*this, settings_->root); !done.ok()) note(std::move(done).error());
  }
  order_ = std::numeric_limits<unsigned>::max();
  settings_->root.inherit_all();
  // Also when there are errors already: all that is wrong is told at once.
  for (const Language::Finish finish : language_.finishes_) {
    if (Result<void> done = finish(*this, settings_->root); !done.ok()) note(std::move(done).error());
  }
  note_unknown_variables();
  tell_without_effect();
  Loaded loaded;
  loaded.warnings = settings_->warnings;
  if (errors_.empty()) loaded.settings = std::move(settings_);
  std::stable_sort(errors_.begin(), errors_.end(), [](const Noted& a, const Noted& b) { return a.order < b.order; });
  for (Noted& noted : errors_) loaded.errors.push_back(std::move(noted.error));
  return loaded;
}

// nginx names no place; the first use is where to look.
void Loader::note_unknown_variables() {
  for (const std::size_t index : settings_->variables.undefined()) {
    const std::string& name = settings_->variables.name(index);
    Error error{ErrorCode::BadConfig, "unknown \"" + name + "\" variable"};
    if (const auto use = first_uses_.find(index); use != first_uses_.end()) {
      const std::string_view nearest = settings_->variables.nearest(name);
      error = config::error_at(use->second, error.what,
                               nearest.empty() ? "" : "did you mean \"$" + std::string(nearest) + "\"?");
    }
    note(std::move(error));
  }
}

void Loader::note_without_effect(const config::Directive& directive) {
  const bool told = std::any_of(without_effect_.begin(), without_effect_.end(),
                                [&](const config::Directive* other) { return other->name == directive.name; });
  if (!told) without_effect_.push_back(&directive);
}

// In one line: none of them is a mistake.
void Loader::tell_without_effect() {
  std::string names;
  for (const config::Directive* directive : without_effect_) {
    names += (names.empty() ? "\"" : ", \"") + directive->name + "\" (" + directive->at.str() + ')';
  }
  if (!names.empty()) settings_->warnings.push_back("accepted, but without effect here: " + names);
  without_effect_.clear();
}

void Loader::apply(const config::Directive& directive) {
  order_ = directive.order;
  const auto meanings = language_.find(directive.name);
  if (meanings.empty()) {
    if (const RefusedDirective* refused = language_.find_refused(directive.name)) {
      return note(config::error_at(directive.at, "the \"" + directive.name + "\" directive is not supported",
                                   refused->way_out));
    }
    const std::string_view nearest = language_.nearest(directive.name);
    const std::string hint = nearest.empty() ? "" : "did you mean \"" + std::string(nearest) + "\"?";
    return note(config::error_at(directive.at, "unknown directive \"" + directive.name + '"', hint));
  }
  const DirectiveSpec* meaning = nullptr;
  for (const DirectiveSpec* candidate : meanings) {
    if ((candidate->blocks & level_->kind()) != 0) meaning = candidate;
  }
  if (meaning == nullptr) {
    return note(config::config_error(directive, "is not allowed here", missing_opening(meanings, level_->kind())));
  }
  if (meaning->body == DirectiveSpec::Body::Required && !directive.has_block) {
    return note(config::error_at(directive.at, "directive \"" + directive.name + "\" has no opening \"{\""));
  }
  if (meaning->body == DirectiveSpec::Body::None && directive.has_block) {
    return note(config::error_at(directive.at, "directive \"" + directive.name + "\" is not terminated by \";\""));
  }
  if (directive.args.size() < meaning->least || directive.args.size() > meaning->most) {
    return note(config::wrong_argument_count(directive));
  }
  if (!meaning->effective()) note_without_effect(directive);
  if (meaning->apply == nullptr) return;
  if (Result<void> done = meaning->apply(*this, directive); !done.ok()) note(std::move(done).error());
}

Level& Loader::read_block(const config::Directive& directive, Block kind, const std::function<void(Level&)>& prepare) {
  Level* const outer = level_;
  level_ = &outer->add_inner(kind, directive.at);
  if (prepare) prepare(*level_);
  for (const config::Directive& inner : directive.block) apply(inner);
  Level& made = *level_;
  for (const auto& [at, hook] : language_.block_ends_) {
    if (at != kind) continue;
    if (Result<void> done = hook(*this, made); !done.ok()) note(std::move(done).error());
  }
  level_ = outer;
  return made;
}

std::size_t Loader::use_variable(std::string_view name, const config::Directive& directive) {
  const std::size_t index = settings_->variables.use(name);
  first_uses_.try_emplace(index, directive.at);
  return index;
}

Result<std::size_t> Loader::define_variable(std::string_view written, const config::Directive& directive,
                                            VariableTable::Getter getter, bool remembered) {
  if (!written.starts_with('$') || written.size() < 2) {
    return config::error_at(directive.at, "invalid variable name \"" + std::string(written) + '"');
  }
  const std::string_view name = written.substr(1);
  if (settings_->variables.fixed(name)) {
    return config::error_at(directive.at, "the duplicate \"" + std::string(name) + "\" variable",
                            "the request has it already; take another name");
  }
  return settings_->variables.define(name, std::move(getter), remembered);
}

Result<std::vector<std::size_t>> Loader::define_captures(const Regex& regex, const config::Directive& directive) {
  std::vector<std::size_t> numbers;
  for (const auto& [name, group] : regex.names()) {
    const Result<std::size_t> number = define_variable('$' + name, directive);
    if (!number.ok()) return number.error();
    numbers.push_back(number.value());
  }
  return numbers;
}

Result<Template> Loader::compile(std::string_view text, const config::Directive& directive) {
  const std::size_t known = settings_->variables.size();
  Result<Template> made = Template::compile(text, settings_->variables);
  for (std::size_t i = known; i < settings_->variables.size(); ++i) first_uses_.try_emplace(i, directive.at);
  if (!made.ok()) return config::error_at(directive.at, made.error().what);
  return made;
}

Result<Regex> Loader::regex(std::string_view pattern, Regex::Case letters, const config::Directive& directive) {
  Result<Regex> made = Regex::compile(pattern, letters);
  if (!made.ok()) return config::error_at(directive.at, made.error().what);
  return made;
}

std::string Loader::from_conf(std::string_view path) const {
  return path.starts_with('/') ? std::string(path) : paths_.conf + std::string(path);
}

std::string Loader::from_prefix(std::string_view path) const {
  return path.starts_with('/') ? std::string(path) : paths_.prefix + std::string(path);
}

Result<std::shared_ptr<observe::LogFile>> Loader::open_log(const std::string& path) {
  settings_->logs.insert(path);
  if (services_.logs == nullptr) return std::shared_ptr<observe::LogFile>();
  return services_.logs->open(path);
}

void Loader::warn(const config::SourcePos& at, std::string_view message, std::string_view hint) {
  settings_->warnings.push_back(config::error_at(at, message, hint).what);
}

}  // namespace caisson::rules
