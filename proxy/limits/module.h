// How often and how many at a time: limit_req, limit_conn.
#pragma once

#include "rules/language.h"

namespace caisson::limits {

// Registers all directives, variables and steps of limits/.
void describe(rules::Language& language);

// Its parts:
void describe_request_limits(rules::Language& language);     // ngx_http_limit_req_module
void describe_connection_limits(rules::Language& language);  // ngx_http_limit_conn_module

}  // namespace caisson::limits
