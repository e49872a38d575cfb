// What stands in proxy_pass: "http://registry:5000", "https://registry/v2/", "http://unix:/run/registry.sock:/v2/".
//
// Ownership: a value. Threading: none of its own.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"

namespace caisson::upstream {

struct ProxyUrl {
  bool tls = false;
  net::Endpoint server;    // its host may also be the name of an upstream block
  std::string proxy_host;  // $proxy_host: with the port unless it is the scheme's own
  std::string proxy_port;  // $proxy_port; empty for a unix socket
  std::string uri;         // from the '/' on; empty when there is none

  // An error is nginx's short problem: "invalid URL prefix", "no host", "invalid port".
  static Result<ProxyUrl> parse(std::string_view text);
};

}  // namespace caisson::upstream
