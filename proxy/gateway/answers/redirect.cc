#include "gateway/answers/redirect.h"

#include "gateway/core_settings.h"
#include "gateway/host.h"
#include "gateway/virtual_hosts.h"
#include "rules/phases.h"

namespace caisson::gateway {

std::string absolute_location(rules::RequestState& state, std::string target) {
  const CoreSettings& settings = state.settings<CoreSettings>();
  // Also "//host/path", as nginx: left as it is, a client would take it for another host.
  if (!target.starts_with('/') || !state.settings<rules::AbsoluteRedirect>().on.value_or(true)) return target;
  const http::ConnectionInfo& connection = state.exchange.connection();
  std::string location(state.exchange.client_scheme());
  location += "://";
  std::string host;
  if (settings.server_name_in_redirect.value_or(false)) {
    host = state.server->get<HostOfLevel>().host->primary_name();
  } else {
    host = requested_host(state.exchange.request());
  }
  location += host.empty() ? connection.server_address : host;
  const unsigned usual = connection.tls ? 443 : 80;
  if (settings.port_in_redirect.value_or(true) && connection.server_port != usual && connection.server_port != 0) {
    location += ':' + std::to_string(connection.server_port);
  }
  return location + target;
}

}  // namespace caisson::gateway
