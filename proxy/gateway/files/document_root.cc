#include "gateway/files/document_root.h"

#include <array>
#include <cstdlib>
#include <memory>

#include "gateway/locations.h"
#include "rules/loader.h"
#include "rules/request_log.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;
using rules::Value;

namespace {

struct DocumentRootSettings {
  std::optional<DocumentRoot> root;
  void inherit(const DocumentRootSettings& outer) { rules::inherit(root, outer.root); }
};

struct LinkSettings {
  struct Rule {
    Links links = Links::Follow;
    std::optional<rules::Template> from;
  };
  std::optional<Rule> rule;
  void inherit(const LinkSettings& outer) { rules::inherit(rule, outer.rule); }
};

std::string complete(const DocumentRoot& root, RequestState& state) {
  std::string folder = root.folder.expand(state);
  return folder.starts_with('/') ? folder : root.prefix + folder;
}

std::optional<FileName> name_without_rules(RequestState& state, std::string_view path) {
  const DocumentRoot& root = *state.settings<DocumentRootSettings>().root;
  FileName name;
  name.path = complete(root, state);
  if (root.folder.constant()) name.own = name.path.size();
  if (!root.alias) {
    name.path += path;
    return name;
  }
  if (!root.replaces) return name;
  if (state.prefix_gone) {
    rules::log(state, observe::Level::Alert, "\"alias\" cannot be used where the URI was rewritten");
    return std::nullopt;
  }
  name.path += path.starts_with(*root.replaces) ? path.substr(root.replaces->size()) : path;
  return name;
}

}  // namespace

// ngx_http_set_disable_symlinks
void take_link_rule(RequestState& state, FileName& name) {
  const auto& rule = state.settings<LinkSettings>().rule;
  if (!rule || rule->links == Links::Follow) return;
  name.links = rule->links;
  if (!rule->from) return;
  const std::string from = rule->from->expand(state);
  const bool below = name.path.starts_with(from) &&
                     (from.ends_with('/') || name.path.size() == from.size() || name.path[from.size()] == '/');
  if (below) name.links_from = from.size();
}

std::optional<FileName> file_named(RequestState& state, std::string_view path) {
  std::optional<FileName> name = name_without_rules(state, path);
  if (name) take_link_rule(state, *name);
  return name;
}

std::string document_root_of(RequestState& state) {
  return complete(*state.settings<DocumentRootSettings>().root, state);
}

namespace {

template <bool is_alias>
Result<void> set_root(Loader& loader, const Directive& d) {
  auto& root = loader.level().own<DocumentRootSettings>().root;
  if (root) {
    if (root->alias == is_alias) return config::config_error(d, "is duplicate");
    return config::error_at(d.at, is_alias
                                      ? "\"alias\" directive is duplicate, \"root\" directive was specified earlier"
                                      : "\"root\" directive is duplicate, \"alias\" directive was specified earlier");
  }
  DocumentRoot made;
  made.alias = is_alias;
  made.prefix = loader.from_prefix("");
  std::string folder = d.args[0];
  if (!is_alias && folder.ends_with('/')) folder.pop_back();
  Result<rules::Template> compiled = loader.compile(folder, d);
  if (!compiled.ok()) return std::move(compiled).error();
  made.folder = std::move(compiled).value();
  if (is_alias) {
    const Location* location = loader.level().own<OwnLocation>().location;
    if (location == nullptr || location->kind == Location::Kind::Named) {
      return config::error_at(d.at, "the \"alias\" directive cannot be used inside the named location");
    }
    if (location->kind != Location::Kind::Regex) {
      made.replaces = location->text;
      if (folder.ends_with('/') && !location->text.ends_with('/') && location->kind != Location::Kind::Exact) {
        loader.warn(d.at,
                    "location \"" + location->text + "\" has no \"/\" at its end but its alias has: \"" +
                        location->text + "../\" would name the folder above, and is refused",
                    "write \"location " + location->text + "/\"");
      }
    }
  }
  root = std::move(made);
  return {};
}

// disable_symlinks off | on [from=PART] | if_not_owner [from=PART];
Result<void> set_links(Loader& loader, const Directive& d) {
  auto& target = loader.level().own<LinkSettings>().rule;
  if (target) return config::config_error(d, "is duplicate");
  LinkSettings::Rule rule;
  bool said = false;
  for (const std::string& arg : d.args) {
    said = said || !arg.starts_with("from=");
    if (arg == "off") {
      rule.links = Links::Follow;
    } else if (arg == "on") {
      rule.links = Links::Refuse;
    } else if (arg == "if_not_owner") {
      rule.links = Links::SameOwner;
    } else if (arg.starts_with("from=")) {
      Result<rules::Template> from = loader.compile(std::string_view(arg).substr(5), d);
      if (!from.ok()) return std::move(from).error();
      rule.from = std::move(from).value();
    } else {
      return config::error_at(d.at, "invalid parameter \"" + arg + '"');
    }
  }
  if (!said)
    return config::error_at(d.at, "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter");
  target = std::move(rule);
  return {};
}

// Where nobody says otherwise: "html" below the prefix.
Result<void> complete_root(Loader& loader, rules::Level& main) {
  DocumentRoot usual;
  usual.prefix = loader.from_prefix("");
  usual.folder = rules::Template::constant_text("html");
  main.own<DocumentRootSettings>().root = std::move(usual);
  return {};
}

Value document_root(RequestState& s, std::string_view) { return document_root_of(s); }

Value request_filename(RequestState& s, std::string_view) {
  std::optional<FileName> name = file_named(s, s.path);
  return name ? Value(std::move(name->path)) : Value();
}

Value realpath_root(RequestState& s, std::string_view) {
  const std::string folder = complete(*s.settings<DocumentRootSettings>().root, s);
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(folder.c_str(), nullptr), &std::free);
  return real ? Value(real.get()) : Value();
}

constexpr std::array directives = {
    DirectiveSpec{"root", rules::Http | rules::Server | rules::Location | rules::IfInLocation, 1, 1,
                  DirectiveSpec::Body::None, &set_root<false>},
    DirectiveSpec{"disable_symlinks", rules::Http | rules::Server | rules::Location, 1, 2, DirectiveSpec::Body::None,
                  &set_links},
    DirectiveSpec{"alias", rules::Location, 1, 1, DirectiveSpec::Body::None, &set_root<true>},
};

constexpr std::array variables = {
    rules::VariableSpec{"document_root", &document_root},
    rules::VariableSpec{"realpath_root", &realpath_root},
    rules::VariableSpec{"request_filename", &request_filename},
};

}  // namespace

void describe_document_root(rules::Language& language) {
  language.add_directives(directives);
  language.add_variables(variables);
  language.add_block_end(rules::Main, &complete_root);
}

}  // namespace caisson::gateway
