// What every response head gets before it leaves: add_header, Server, Date, and the one version header by which Docker
// knows a registry. ngx_http_headers_module.
#pragma once

#include <string_view>

#include "rules/language.h"

namespace caisson::gateway {

// Docker knows a registry by it.
inline constexpr std::string_view registry_version_header = "Docker-Distribution-Api-Version";

// The statuses on which a header without `always` is added, and Expires is set.
bool is_added_without_always(unsigned status);

// Stages run in the order in which they were described: Server and Date first, the order of fields last.
void describe_server_and_date(rules::Language& language);
void describe_response_headers(rules::Language& language);
void describe_header_order(rules::Language& language);

}  // namespace caisson::gateway
