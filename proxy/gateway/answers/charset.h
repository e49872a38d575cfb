// charset: the name of the encoding that answers of text types are said to have. ngx_http_charset_module, without
// recoding.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_charset(rules::Language& language);

}  // namespace caisson::gateway
