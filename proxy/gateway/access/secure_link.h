// secure_link, secure_link_md5, secure_link_secret: $secure_link says whether a link was made by whoever knows the
// secret, and has not run out. ngx_http_secure_link_module.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_secure_link(rules::Language& language);

}  // namespace caisson::gateway
