// The variables of the request, its connection and its response. ngx_http_core_module, embedded variables.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_variables(rules::Language& language);

}  // namespace caisson::gateway
