// The directives of proxy_pass and of `upstream` blocks, and the variables of both.
#pragma once

#include <string_view>

#include "rules/language.h"
#include "upstream/settings.h"
#include "upstream/upstreams.h"

namespace caisson::upstream {

class ProxyPass;

// What one configuration has of both, at its outermost level.
struct Proxying {
  std::shared_ptr<Upstreams> upstreams;
  std::vector<std::shared_ptr<ProxyPass>> passes;

  // That of the configuration being loaded.
  static Proxying& of(rules::Loader& loader);
};

// What the proxy_* directives of the level that is being read say.
ProxySettings& own(rules::Loader& loader);

// Why directives about buffers and spools have no effect.
inline constexpr std::string_view always_streaming = "bodies are never buffered or spooled";

void describe_proxy_pass(rules::Language& language);
void describe_response_directives(rules::Language& language);
void describe_tls_directives(rules::Language& language);
void describe_settled_directives(rules::Language& language);
void describe_cache_directives(rules::Language& language);
void describe_upstream_blocks(rules::Language& language);
void describe_variables(rules::Language& language);

}  // namespace caisson::upstream
