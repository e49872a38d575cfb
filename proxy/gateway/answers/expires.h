// expires: how long clients may keep an answer (Expires and Cache-Control). ngx_http_headers_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_expires(rules::Language& language);

}  // namespace caisson::gateway
