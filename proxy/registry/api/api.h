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
#include "registry/api/settings.h"
#include "registry/notify/notifier.h"
#include "registry/routes/route.h"
#include "registry/store/store.h"
#include "rules/phases.h"

namespace caisson::registry {

class Metrics;

class Api final : public http::Handler, public rules::RegistryFront {
 public:
  // `disk` outlives this; it runs every call into the store.
  explicit Api(async::BlockingPool* disk) : disk_(disk) {}

  // Opens the folder, by the process that is going to serve and with its rights, and begins what goes on beside the
  // requests: NotFound, or ReadOnly where it could not write. `metrics` may be null.
  Result<void> open(ApiSettings settings, const observe::ErrorLog& log, std::shared_ptr<Metrics> metrics = nullptr);

  // REQUIRES: open() succeeded. Always answers itself.
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override;

  // The numbers of its notifications; nothing when it sends none.
  void write_notifications(observe::Exposition& to) const;

  bool leads_to_registry() const noexcept override { return true; }
  std::string wanted_accesses(const rules::RequestState& state) const override;

 private:
  void begin_maintenance(const observe::ErrorLog& log);
  async::Task<void> serve(http::Exchange& exchange);
  async::Task<void> serve_repository(http::Exchange& exchange, const Route& route);

  async::BlockingPool* disk_;
  ApiSettings settings_;
  std::shared_ptr<Metrics> metrics_;  // the store's driver counts there
  std::unique_ptr<store::Store> store_;
  ReferrerIndex referrers_;
  std::optional<Purger> purger_;
  std::optional<maintenance::Collector> collector_;
  std::unique_ptr<notify::Notifier> notifier_;
};

}  // namespace caisson::registry
