// What stands in config.yml, or in one REGISTRY_* variable: a tree of YAML values, each with its place. No key's
// meaning is known here.
//
// Ownership: plain values. Threading: none of its own.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/directive.h"

namespace caisson::registry::face {

struct Node {
  enum class Kind { Null, Scalar, List, Map };

  Kind kind = Kind::Null;
  std::string scalar = {};                                 // as written, without quotes
  std::vector<Node> items = {};                            // of a list
  std::vector<std::pair<std::string, Node>> entries = {};  // of a map, in their order; no key twice
  config::SourcePos at = {};

  static Node text(std::string value, config::SourcePos at) { return {Kind::Scalar, std::move(value), {}, {}, at}; }

  Node* find(std::string_view key);
  const Node* find(std::string_view key) const;
  // The entry, made at the end of the map when there is none. REQUIRES: a map, or Null, which becomes one.
  Node& entry(const std::string& key);
};

// Reads one YAML document. Places are `file` and their lines; with `one_line` (a variable's value) they are `file`
// alone. Of a key that stands twice the last one counts, as for registry:2; `warnings` says so.
struct ParsedYaml {
  Node root;
  std::vector<std::string> warnings;
};
Result<ParsedYaml> parse_yaml(std::string_view text, const std::string& file, bool one_line = false);

}  // namespace caisson::registry::face
