// Whom a trusted proxy in front of this one names as the client: set_real_ip_from, real_ip_header, real_ip_recursive.
// ngx_http_realip_module.
#pragma once

#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Takes the client's address from the header that the settings in force name, when who sent it is trusted. Once a
// request: what a first call has taken stays. Before the rewrite phase, and again before access.
void take_real_ip(rules::RequestState& state);

void describe_real_ip(rules::Language& language);

}  // namespace caisson::gateway
