// geo: a variable whose value depends on an address. ngx_http_geo_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_geo(rules::Language& language);

}  // namespace caisson::gateway
