// The name that a client asked for.
#pragma once

#include <string>

#include "http/message.h"

namespace caisson::gateway {

// $host: of the absolute request target, else of the Host header; empty when there is none or it is invalid.
std::string requested_host(const http::RequestHead& request);

}  // namespace caisson::gateway
