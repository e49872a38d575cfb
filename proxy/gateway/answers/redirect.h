// What a Location header says.
#pragma once

#include <string>

#include "rules/request_state.h"

namespace caisson::gateway {

// A local target ("/x") with the scheme, host and port that the client used put before it, as nginx does while
// absolute_redirect is on (ngx_http_header_filter); anything else as it is.
std::string absolute_location(rules::RequestState& state, std::string target);

}  // namespace caisson::gateway
