// The embedded registry: the OCI distribution API over a store, as an HTTP handler. It takes the place of a backend:
// proxy_pass to an upstream that says `registry DIR;` ends here.
//
// Ownership: owns its store. Threading: handle() on any number of loops at once; open() once before.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "async/pool.h"
#include "base/result.h"
#include "http/handler.h"
#include "observe/error_log.h"
#include "registry/api/purger.h"
#include "registry/api/referrer_index.h"
#include "registry/api/route.h"
#include "registry/api/settings.h"
#include "registry/store/store.h"

namespace caisson::registry {

class Api final : public http::Handler {
 public:
  // `disk` outlives this; it runs every call into the store.
  explicit Api(async::BlockingPool* disk) : disk_(disk) {}

  // Opens the folder, by the process that is going to serve and with its rights: NotFound, or ReadOnly where it could
  // not write.
  Result<void> open(ApiSettings settings, observe::ErrorLog log);

  // REQUIRES: open() succeeded. Always answers itself.
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override;

 private:
  async::Task<void> serve(http::Exchange& exchange);
  async::Task<void> serve_repository(http::Exchange& exchange, const Route& route);

  async::BlockingPool* disk_;
  ApiSettings settings_;
  std::unique_ptr<store::Store> store_;
  ReferrerIndex referrers_;
  std::optional<Purger> purger_;
};

}  // namespace caisson::registry
