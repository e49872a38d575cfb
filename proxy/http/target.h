// The request target: what nginx calls $request_uri, $uri and $args, made once from the wire form.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::http {

struct RequestTarget {
  std::string raw;        // $request_uri: as sent, without the scheme and host of the absolute form
  std::string path;       // $uri: percent-decoded, "." and ".." resolved, slashes merged; begins with '/'
  std::string args;       // $args: what follows the first '?', as sent; without a fragment
  bool has_args = false;  // "/?" has empty arguments, "/" has none
  std::string host;       // the authority of the absolute form (RFC 9112 section 3.2.2) as sent, else empty
};

// Reads a target as nginx does (ngx_http_parse_uri, ngx_http_parse_complex_uri): origin form, or absolute form
// with any scheme. BadRequest for anything else: an escape that is not two hexadecimal digits, "%00", a control
// character or space, ".." above the root.
Result<RequestTarget> parse_target(std::string_view target, bool merge_slashes = true);

// The path as it may be put into a request line: everything percent-encoded that ngx_escape_uri(NGX_ESCAPE_URI)
// encodes.
std::string escaped_path(std::string_view path);

}  // namespace caisson::http
