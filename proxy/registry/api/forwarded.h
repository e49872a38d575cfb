// Where the client believes the registry to be, as the proxies in front say: Forwarded (RFC 7239), or else
// X-Forwarded-Proto and X-Forwarded-Host (registry contract, section 10).
//
// Threading: none of its own.
#pragma once

#include <string>

#include "http/headers.h"

namespace caisson::registry {

struct Origin {
  std::string scheme;  // "http" or "https"
  std::string host;    // with its port
};

// `own`, with what the headers know better. What is no scheme or no host in them does not count.
Origin forwarded_origin(const http::Headers& headers, Origin own);

}  // namespace caisson::registry
