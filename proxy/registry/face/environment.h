// registry:2's variables: REGISTRY_ and a key's path in upper case, whose value is YAML and takes the place of what the
// file says there (registry contract, section 12.1).
//
// Beyond registry:2: items of lists by their number (REGISTRY_HEALTH_FILE_0_FILE), and NAME_FILE for the value of NAME
// in a file of its own, as container secrets are given; such a value is taken as it is, not as YAML.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <vector>

#include "config/source.h"
#include "registry/face/node.h"

namespace caisson::registry::face {

struct Findings {
  std::vector<Error> errors = {};
  std::vector<std::string> warnings = {};
};

// Whether a variable of that name means this registry, known or not. Docker's links and Kubernetes set others that
// begin with REGISTRY_, for any service called "registry".
bool is_registry_variable(std::string_view name);

// Lays the variables ("NAME=VALUE"; those of other names are passed over) upon the tree.
void apply_environment(const std::vector<std::string>& environment, config::Source& files, Node& root,
                       Findings& findings);

// A section that is written as one word: "storage: filesystem" is {filesystem: {}}, "readonly: true" is {enabled:
// true}. Leaves everything else as it is.
void expand_shorthand(Node& node, std::string_view path);

}  // namespace caisson::registry::face
