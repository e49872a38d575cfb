// valid_referers: $invalid_referer says whether a request came from a page that is not on the list.
// ngx_http_referer_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_referers(rules::Language& language);

}  // namespace caisson::gateway
