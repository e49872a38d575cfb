// The name in an authority ("Host: Registry.example:5043"), as virtual hosts are chosen by it and $host shows it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::http {

// Lower case, without port and without a trailing dot; an IPv6 literal keeps its brackets. Nothing when the text cannot
// be a host (empty, "..", a slash, a space or control character): nginx answers 400 then. ngx_http_validate_host
std::optional<std::string> host_name(std::string_view authority);

}  // namespace caisson::http
