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

std::string complete(const DocumentRoot& root, RequestState& state) {
  std::string folder = root.folder.expand(state);
  return folder.starts_with('/') ? folder : root.prefix + folder;
}

}  // namespace

std::optional<FileName> file_named(RequestState& state, std::string_view path) {
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

// Where nobody says otherwise: "html" below the prefix.
Result<void> complete_root(Loader& loader, rules::Level& main) {
  DocumentRoot usual;
  usual.prefix = loader.from_prefix("");
  usual.folder = rules::Template::constant_text("html");
  main.own<DocumentRootSettings>().root = std::move(usual);
  return {};
}

Value document_root(RequestState& s, std::string_view) { return complete(*s.settings<DocumentRootSettings>().root, s); }

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
