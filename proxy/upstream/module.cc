#include "upstream/module.h"

#include "upstream/directives.h"
#include "upstream/name_settings.h"

namespace caisson::upstream {

void describe(rules::Language& language) {
  describe_proxy_pass(language);
  describe_upstream_blocks(language);
  describe_resolver(language);
  describe_variables(language);
}

}  // namespace caisson::upstream
