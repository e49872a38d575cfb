// The name that a client asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace caisson::gateway {

// Without the port, in lower case and without a trailing dot (ngx_http_validate_host). Nothing for a name with
// characters that no host has ("..", "/", a control).
std::optional<std::string> valid_host(std::string_view authority);

// The host of the absolute request target, else of the Host header; empty when there is none or it is invalid.
std::string host_name(const http::RequestHead& request);

}  // namespace caisson::gateway
