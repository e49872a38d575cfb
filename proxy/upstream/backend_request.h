// The request as the backend is to see it: nginx's rules for the target, and proxy_set_header.
// ngx_http_proxy_create_request
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "rules/request_state.h"
#include "upstream/settings.h"

namespace caisson::upstream {

// How proxy_pass says what to ask for.
struct TargetRule {
  std::string_view uri;     // the URI in proxy_pass; empty: what the client asked for goes on
  bool expanded = false;    // it had variables, so it is the whole target
  std::string_view prefix;  // the location's, which `uri` replaces
};

// BadRequest when variables made a target that no request line can hold.
Result<http::RequestTarget> backend_target(const rules::RequestState& state, const TargetRule& rule);

// The client's end-to-end fields after those of proxy_set_header, which replace every spelling of theirs that a client
// sent: case, and '_' for '-'. `proxy_host` is the Host unless proxy_set_header says another.
http::Headers backend_headers(rules::RequestState& state, const ProxySettings& settings);

}  // namespace caisson::upstream
