// more_set_headers and its like, of the headers-more module: old recipes for registries have them.
#pragma once

#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// more_set_input_headers, more_clear_input_headers: what handlers and variables see of the request from here on.
void change_input_headers(rules::RequestState& state);

// Before the stage of add_header, whose headers it does not see.
void describe_headers_more(rules::Language& language);

}  // namespace caisson::gateway
