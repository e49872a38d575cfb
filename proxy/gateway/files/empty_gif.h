// empty_gif: a transparent picture of one pixel, from memory. ngx_http_empty_gif_module
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_empty_gif(rules::Language& language);

}  // namespace caisson::gateway
