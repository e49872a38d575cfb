// The directives of proxy_pass and of `upstream` blocks, and the variables of both.
#pragma once

#include "rules/language.h"
#include "upstream/upstreams.h"

namespace caisson::upstream {

class ProxyPass;

// What one configuration has of both, at its outermost level.
struct Proxying {
  std::shared_ptr<Upstreams> upstreams;
  std::vector<std::shared_ptr<ProxyPass>> passes;

  // That of the configuration being loaded.
  static Proxying& of(rules::Loader& loader);
};

void describe_proxy_pass(rules::Language& language);
void describe_upstream_blocks(rules::Language& language);
void describe_variables(rules::Language& language);

}  // namespace caisson::upstream
