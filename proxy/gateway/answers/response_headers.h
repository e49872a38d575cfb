// What every response head gets before it leaves: add_header, Server, Date, and the one version header by which Docker
// knows a registry. ngx_http_headers_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

// The statuses on which a header without `always` is added, and Expires is set.
bool is_added_without_always(unsigned status);

void describe_response_headers(rules::Language& language);

}  // namespace caisson::gateway
