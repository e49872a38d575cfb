#include "registry/face/environment.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "registry/face/keys.h"

namespace caisson::registry::face {
namespace {

constexpr std::string_view prefix = "REGISTRY_";
constexpr std::string_view path_of_configuration = "REGISTRY_CONFIGURATION_PATH";

struct Variable {
  std::string name;  // whole
  std::string value;
};

std::string uppered(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), text::upper);
  return made;
}

// What Kubernetes and Docker's links set for a service called "registry".
bool is_of_a_service(std::string_view rest) {
  constexpr std::array names = {"PORT", "SERVICE_HOST", "SERVICE_PORT", "NAME"};
  constexpr std::array families = {"PORT_", "SERVICE_PORT_", "ENV_"};
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return rest == name; }) ||
         std::any_of(families.begin(), families.end(), [&](std::string_view name) { return rest.starts_with(name); });
}

std::vector<Variable> registry_variables(const std::vector<std::string>& environment) {
  std::vector<Variable> found;
  for (const std::string& one : environment) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos || !is_registry_variable(one.substr(0, equals))) continue;
    Variable variable{one.substr(0, equals), one.substr(equals + 1)};
    if (variable.name == path_of_configuration) continue;
    found.push_back(std::move(variable));
  }
  // A section's variable comes before those of the keys in it.
  std::sort(found.begin(), found.end(), [](const Variable& a, const Variable& b) { return a.name < b.name; });
  return found;
}

// The path that the rest of a variable's name stands for, as the parts below each other; nothing when there is none.
std::vector<std::string> find_path(std::string_view rest, const Node& root) {
  std::vector<std::string> parts;
  std::string path;
  const Node* at = &root;
  while (!rest.empty()) {
    const Key* const key = find_key(path);
    if (!path.empty() && key != nullptr && key->kind == Kind::Any) return parts;  // below it all is one to us
    const std::string_view segment = rest.substr(0, rest.find('_'));
    const bool indexed = text::to_number(segment).has_value();
    std::string name;
    bool takes_all = false;
    if (key != nullptr && key->kind == Kind::Texts && indexed) name = '[' + std::string(segment) + ']';
    for (const std::string_view candidate : names_below(path)) {
      if (!name.empty()) break;
      if (candidate == "*") {
        takes_all = true;
        name = rest;
        // Header names have their own case; other new names are written small.
        if (!path.ends_with("headers")) name = text::lowered(name);
        for (const auto& [written, value] : at != nullptr ? at->entries : std::vector<std::pair<std::string, Node>>{}) {
          if (text::iequals(written, rest)) name = written;
        }
      } else if (candidate == "[]") {
        if (indexed) name = '[' + std::string(segment) + ']';
      } else if (uppered(candidate) == segment) {
        name = candidate;
      }
    }
    if (name.empty()) name = variable_alias(path, segment);
    if (name.empty()) return {};
    path = below(path, name);
    at = at != nullptr && !name.starts_with('[') ? at->find(name) : nullptr;
    parts.push_back(std::move(name));
    rest.remove_prefix(takes_all ? rest.size() : std::min(rest.size(), segment.size() + 1));
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) path = below(path, part);
  return path;
}

bool is_leaf(const std::string& path) {
  const Key* const key = find_key(path);
  return key != nullptr && (key->kind != Kind::Any || key->use == Use::Silent);
}

// Puts the value where the parts lead to. An error's text is what is wrong.
Result<void> put(Node& root, const std::vector<std::string>& parts, Node value, const config::SourcePos& at) {
  Node* node = &root;
  std::string path;
  for (const std::string& part : parts) {
    expand_shorthand(*node, path);
    if (part.starts_with('[')) {
      const auto index = text::to_number(std::string_view(part).substr(1, part.size() - 2)).value_or(0);
      if (node->kind == Node::Kind::Scalar) *node = {Node::Kind::List, {}, {*node}, {}, node->at};  // a list of one
      if (node->kind != Node::Kind::List) *node = {Node::Kind::List, {}, {}, {}, at};
      if (index > node->items.size()) {
        return config::error_at(at, "number " + std::to_string(index) + " follows no number " +
                                        std::to_string(index - 1) + " of that list");
      }
      if (index == node->items.size()) node->items.emplace_back().at = at;
      node = &node->items[index];
    } else {
      if (node->kind != Node::Kind::Map) *node = {Node::Kind::Map, {}, {}, {}, at};
      node = &node->entry(part);
    }
    path = below(path, part);
  }
  *node = std::move(value);
  node->at = at;
  return {};
}

class Applier {
 public:
  Applier(config::Source& files, Node& root, Findings& findings) : files_(files), root_(root), findings_(findings) {}

  void apply(const Variable& variable, const std::vector<Variable>& all) {
    const std::string_view rest = std::string_view(variable.name).substr(prefix.size());
    const config::SourcePos at{variable.name, 0};
    constexpr std::string_view in_file = "_FILE";
    const auto direct = find_path(rest, root_);
    // A name of the user's choice may be anything, but no header's name ends so.
    const bool chosen_name = !direct.empty() && direct.back().ends_with(in_file);
    if (!direct.empty() && !chosen_name) return take_yaml(variable, direct, at);
    if (rest.ends_with(in_file)) {
      const std::string_view name = rest.substr(0, rest.size() - in_file.size());
      const auto parts = find_path(name, root_);
      if (!parts.empty() && is_leaf(joined(parts))) {
        const std::string whole = std::string(prefix) + std::string(name);
        const bool both = std::any_of(all.begin(), all.end(), [&](const Variable& v) { return v.name == whole; });
        if (both) return fail(at, "\"" + whole + "\" is set, too: one of them must go");
        return take_file(variable.value, parts, at);
      }
    }
    tell_unknown(variable.name, rest);
  }

 private:
  void fail(const config::SourcePos& at, std::string_view what) {
    findings_.errors.push_back(config::error_at(at, what));
  }

  void store(const std::vector<std::string>& parts, Node value, const config::SourcePos& at) {
    if (Result<void> done = put(root_, parts, std::move(value), at); !done.ok()) {
      findings_.errors.push_back(std::move(done).error());
    }
  }

  void take_yaml(const Variable& variable, const std::vector<std::string>& parts, const config::SourcePos& at) {
    Result<ParsedYaml> parsed = parse_yaml(variable.value, variable.name, true);
    if (parsed.ok()) return store(parts, std::move(parsed.value().root), at);
    const Key* const key = find_key(joined(parts));
    // Many a password or realm is no YAML: "[x", "a: b: c". Where only text can stand, it is text.
    if (key != nullptr && key->kind == Kind::Text) return store(parts, Node::text(variable.value, at), at);
    findings_.errors.push_back(std::move(parsed).error());
  }

  void take_file(const std::string& path, const std::vector<std::string>& parts, const config::SourcePos& at) {
    Result<std::string> text = files_.read(path);
    if (!text.ok()) return fail(at, text.error().what);
    store(parts, Node::text(std::string(text::trimmed(text.value(), "\r\n")), at), at);
  }

  void tell_unknown(const std::string& name, std::string_view rest) {
    std::string path = text::lowered(rest);
    std::replace(path.begin(), path.end(), '_', '.');
    std::string near = uppered(nearest_key(path));
    std::replace(near.begin(), near.end(), '.', '_');
    const std::string hint = near.empty() ? "" : " (did you mean " + std::string(prefix) + near + "?)";
    const std::string what = "environment variable " + name + " stands for no known key";
    if (must_be_known(path)) {
      findings_.errors.push_back({ErrorCode::BadConfig, what + hint});
    } else {
      findings_.warnings.push_back(what + ", ignored" + hint);
    }
  }

  config::Source& files_;
  Node& root_;
  Findings& findings_;
};

}  // namespace

bool is_registry_variable(std::string_view name) {
  return name.starts_with(prefix) && !is_of_a_service(name.substr(prefix.size()));
}

void expand_shorthand(Node& node, std::string_view path) {
  if (node.kind != Node::Kind::Scalar || node.scalar.empty()) return;
  const auto names = names_below(path);
  const auto known = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  std::string name = node.scalar;
  Node inner;
  inner.at = node.at;
  if (!known(name)) {
    if (!known("enabled")) return;
    name = "enabled";
    inner = node;
  }
  Node made;
  made.at = node.at;
  made.entry(name) = std::move(inner);
  node = std::move(made);
}

void apply_environment(const std::vector<std::string>& environment, config::Source& files, Node& root,
                       Findings& findings) {
  const std::vector<Variable> variables = registry_variables(environment);
  Applier applier(files, root, findings);
  for (const Variable& variable : variables) applier.apply(variable, variables);
}

}  // namespace caisson::registry::face
