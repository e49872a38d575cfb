// proxy_pass and what stands behind it: the directives of ngx_http_proxy_module and ngx_http_upstream_module, and their
// variables.
#pragma once

#include "rules/language.h"

namespace caisson::upstream {

void describe(rules::Language& language);

}  // namespace caisson::upstream
