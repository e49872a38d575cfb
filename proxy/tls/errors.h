// OpenSSL's queue of errors, as text.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::tls {

// "(SSL: error:05800074:x509 certificate routines::key values mismatch)": what this thread's queue holds, as nginx
// writes it (ngx_ssl_error). Empties the queue; empty when it was.
std::string ssl_errors();

// A BadConfig error: "CALL failed (SSL: ...)".
Error ssl_call_failed(std::string_view call);

}  // namespace caisson::tls
