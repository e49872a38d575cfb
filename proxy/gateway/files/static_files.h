// What answers where no proxy_pass and its like does: files below `root`, `index`, and listings of folders.
// ngx_http_static_module, ngx_http_index_module, ngx_http_autoindex_module.
#pragma once

#include "http/handler.h"
#include "rules/language.h"

namespace caisson::gateway {

// Threading: any loop; keeps no state.
class StaticFiles final : public http::Handler {
 public:
  // REQUIRES: the gateway has attached a rules::RequestState, whose settings have a disk pool.
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override;
};

void describe_static_files(rules::Language& language);

}  // namespace caisson::gateway
