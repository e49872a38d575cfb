// access_log and log_format. ngx_http_log_module.
#pragma once

#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Writes the lines that the settings in force ask for. At the end of each request.
void write_access_log(rules::RequestState& state);

void describe_access_log(rules::Language& language);

}  // namespace caisson::gateway
