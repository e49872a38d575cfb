// Whether a client may get a gzipped answer: what it accepts, and what gzip_http_version, gzip_proxied and gzip_disable
// say of it. ngx_http_gzip_ok
#pragma once

#include <string_view>

#include "http/message.h"
#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Whether an Accept-Encoding allows gzip. ngx_http_gzip_accept_encoding
bool accepts_gzip(std::string_view accept_encoding);

// `head` is the answer as it would go out. Decided once a request, by the first head that is asked for.
bool may_gzip(rules::RequestState& state, const http::ResponseHead& head);

// Notes that answers to this request depend on Accept-Encoding; with `gzip_vary on` they say so.
void depends_on_encoding(rules::RequestState& state);

// `gzip_vary on`
bool says_vary(const rules::RequestState& state);

void describe_gzip_acceptance(rules::Language& language);

}  // namespace caisson::gateway
