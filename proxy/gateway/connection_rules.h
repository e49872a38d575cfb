// How the client's connection is treated while a request is answered and after it: deadlines, keep-alive, lingering,
// the rate of the answer. ngx_http_core_module.
#pragma once

#include "rules/loader.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Puts what the settings in force say into the exchange's policy. Called whenever they change.
void apply_connection_rules(rules::RequestState& state);

void describe_connection_rules(rules::Language& language);

}  // namespace caisson::gateway
