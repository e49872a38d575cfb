// `auth_request` and `auth_request_set`: whether a request may go on is asked of a location, by a subrequest.
// ngx_http_auth_request_module.
#pragma once

#include "rules/language.h"

namespace caisson::auth {

// Registers the directives and their access check.
void describe_auth_request(rules::Language& language);

}  // namespace caisson::auth
