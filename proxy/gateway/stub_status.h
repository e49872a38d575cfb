// stub_status and $connections_*: what the connections of this process are doing. ngx_http_stub_status_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_stub_status(rules::Language& language);

}  // namespace caisson::gateway
