// map: a variable whose value is looked up by another. ngx_http_map_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_map(rules::Language& language);

}  // namespace caisson::gateway
