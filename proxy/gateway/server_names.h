// Checks the names of the servers that share an address, as nginx does when it puts them together.
#pragma once

#include "gateway/virtual_hosts.h"

namespace caisson::gateway {

// Notes wildcards that are none, and warns of names that another server of the address has already: the first keeps
// them. ngx_http_server_names, ngx_hash_add_key.
void check_server_names(rules::Loader& loader, const VirtualHosts& hosts);

}  // namespace caisson::gateway
