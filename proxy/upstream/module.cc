#include "upstream/module.h"

#include "upstream/directives.h"

namespace caisson::upstream {

void describe(rules::Language& language) {
  describe_proxy_pass(language);
  describe_upstream_blocks(language);
  describe_variables(language);
}

}  // namespace caisson::upstream
