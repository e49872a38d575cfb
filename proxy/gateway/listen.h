// Reads "listen": ngx_http_core_listen, ngx_parse_url.
#pragma once

#include <vector>

#include "gateway/virtual_hosts.h"

namespace caisson::gateway {

// One for each address that the directive means: a name may have several, and ports may be a range.
Result<std::vector<VirtualHost::Listen>> read_listen(rules::Loader& loader, const config::Directive& directive);

}  // namespace caisson::gateway
