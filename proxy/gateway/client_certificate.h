// Whether a request may go on with the certificate that its client showed, or did not show: ssl_verify_client, and the
// variables $ssl_client_*. ngx_http_process_request.
#pragma once

#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// 0: it may. 495: the certificate is not valid here; 496: none was shown; 421: the handshake was made for another
// server, whose demands on certificates may have been weaker (CVE-2025-23419).
// REQUIRES: state.server is chosen.
unsigned status_of_client_certificate(rules::RequestState& state);

void describe_client_certificate(rules::Language& language);

}  // namespace caisson::gateway
