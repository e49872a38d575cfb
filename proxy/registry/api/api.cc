#include "registry/api/api.h"

#include "base/text.h"
#include "registry/api/blobs.h"
#include "registry/api/front.h"
#include "registry/api/listings.h"
#include "registry/api/manifests.h"
#include "registry/api/metrics.h"
#include "registry/api/referrers.h"
#include "registry/api/request.h"
#include "registry/api/uploads.h"
#include "registry/routes/accesses.h"
#include "registry/routes/prefix.h"
#include "registry/store/filesystem.h"

namespace caisson::registry {
namespace {

bool lists(std::string_view methods, std::string_view method) {
  for (const std::string_view one : text::split(methods, ',')) {
    if (text::trimmed(one) == method) return true;
  }
  return false;
}

bool only_reads(std::string_view method) noexcept { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

Refusal unsupported(std::string_view allowed) {
  Refusal refused = refusal(Code::Unsupported);
  if (!allowed.empty()) refused.headers.add("Allow", std::string(allowed));
  return refused;
}

async::Task<void> answer_busy(http::Exchange& exchange) {
  Refusal busy = refusal(Code::Unavailable);
  busy.headers.add("Retry-After", "1");
  return answer(exchange, std::move(busy));
}

// Where events wait, below the root: registry:2 does not look there.
constexpr const char* notifications_folder = "/docker/registry/v2/_notifications";

using Operation = async::Task<void> (*)(Request&);

// What a method does on a resource; null when the resource does not know it.
Operation operation_for(Route::Kind kind, std::string_view method) noexcept {
  const bool reads = method == "GET" || method == "HEAD";
  switch (kind) {
    case Route::Kind::Tags:
      return reads ? list_tags : nullptr;
    case Route::Kind::Manifest:
      return reads ? get_manifest : method == "PUT" ? put_manifest : method == "DELETE" ? delete_manifest : nullptr;
    case Route::Kind::Referrers:
      return reads ? list_referrers : nullptr;
    case Route::Kind::Blob:
      return method == "GET" ? get_blob : method == "HEAD" ? head_blob : method == "DELETE" ? delete_blob : nullptr;
    case Route::Kind::Uploads:
      return method == "POST" ? start_upload : nullptr;
    case Route::Kind::Upload:
      return reads                ? show_upload
             : method == "PATCH"  ? extend_upload
             : method == "PUT"    ? finish_upload
             : method == "DELETE" ? cancel_upload
                                  : nullptr;
    default:
      return nullptr;
  }
}

Result<std::unique_ptr<store::FilesystemDriver>> open_driver(const ApiSettings& settings,
                                                             const observe::ErrorLog& log) {
  if (settings.make_root) {
    if (auto made = store::FilesystemDriver::make_root(settings.root); !made.ok()) return std::move(made).error();
  }
  auto driver = store::FilesystemDriver::open_root(settings.root);
  if (!driver.ok() || settings.read_only) return driver;
  auto writable = driver.value()->probe_writable();
  if (writable.ok()) return driver;
  // Images can be pulled from a full disk, and deleted.
  if (writable.error().code != ErrorCode::NoSpace) return std::move(writable).error();
  log.error("registry: nothing can be pushed: " + writable.error().what);
  return driver;
}

}  // namespace

Result<void> Api::open(ApiSettings settings, const observe::ErrorLog& log, std::shared_ptr<Metrics> metrics) {
  auto driver = open_driver(settings, log);
  if (!driver.ok()) return std::move(driver).error();
  settings_ = std::move(settings);
  metrics_ = std::move(metrics);
  std::unique_ptr<store::Driver> storage = std::move(driver).value();
  if (metrics_) storage = store::measured(std::move(storage), metrics_->storage());
  store_ = std::make_unique<store::Store>(std::move(storage), log, lease_age_for(settings_.collecting.rules.grace));
  if (!settings_.notifications.endpoints.empty()) {
    const std::string folder = settings_.read_only ? std::string() : settings_.root + notifications_folder;
    notifier_ = std::make_unique<notify::Notifier>(settings_.notifications, folder, log);
  }
  if (!settings_.read_only) begin_maintenance(log);
  return {};
}

void Api::begin_maintenance(const observe::ErrorLog& log) {
  store_->announce_leases();
  // Made while there is room, so that garbage can be collected from a disk that is full.
  const store::Key lock = store::Layout::collection_lock();
  if (!store_->driver().changed(lock).ok()) (void)store_->driver().try_hold(lock);
  if (settings_.purging.enabled) purger_.emplace(*store_, settings_.purging, log);
  if (!settings_.collecting.scheduled) return;
  const auto open_store = [root = settings_.root, log]() -> Result<std::unique_ptr<store::Store>> {
    auto opened = store::FilesystemDriver::open_root(root);
    if (!opened.ok()) return std::move(opened).error();
    return std::make_unique<store::Store>(std::move(opened).value(), log);
  };
  const auto count = [metrics = metrics_](const Result<maintenance::CollectionSummary>& result) {
    if (metrics) metrics->collected(result);
  };
  collector_.emplace(open_store, settings_.collecting.schedule, settings_.collecting.rules, log, count);
}

async::Task<std::optional<http::Answer>> Api::handle(http::Exchange& exchange) {
  bool busy = false;
  try {
    co_await serve(exchange);
  } catch (const async::Busy&) {
    if (exchange.responded()) throw;
    busy = true;
  }
  if (busy) co_await answer_busy(exchange);
  co_return std::nullopt;
}

std::string Api::wanted_accesses(const rules::RequestState& state) const {
  const Route route = find_route_behind(settings_.prefix, state.path);
  return accesses_json(required_accesses(state.exchange.request().method, route, state.args));
}

void Api::write_notifications(observe::Exposition& to) const {
  if (notifier_) notifier_->write(to);
}

async::Task<void> Api::serve(http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  const Route route = find_route_behind(settings_.prefix, request.target.path);
  if (route.kind == Route::Kind::Unknown) co_return co_await answer(exchange, refusal(Code::NameInvalid));

  const std::string_view allowed = allowed_methods(route.kind);
  if (request.method == "OPTIONS") {
    http::ResponseHead head = api_head(200);
    head.headers.add("Allow", std::string(allowed));
    co_return co_await answer(exchange, std::move(head));
  }
  if (settings_.read_only && !only_reads(request.method)) {
    co_return co_await answer(exchange, unsupported("GET, HEAD"));
  }
  const bool lookup_of_no_upload = route.kind == Route::Kind::Uploads && only_reads(request.method);
  if (lookup_of_no_upload) co_return co_await answer(exchange, refusal(Code::BlobUploadUnknown));
  if (!lists(allowed, request.method)) co_return co_await answer(exchange, unsupported(allowed));

  switch (route.kind) {
    case Route::Kind::Root: {
      http::ResponseHead head;
      head.headers.add("Cache-Control", "no-cache");
      co_return co_await answer(exchange, std::move(head));
    }
    case Route::Kind::VersionBare: {
      http::ResponseHead head = api_head(301);
      head.headers.add("Location", settings_.prefix + "/v2/");
      co_return co_await answer(exchange, std::move(head));
    }
    case Route::Kind::Version:
      co_return co_await answer(exchange, api_head(200), "{}");
    case Route::Kind::Catalog:
      co_return co_await list_catalog(exchange, *store_, *disk_, settings_);
    default:
      co_return co_await serve_repository(exchange, route);
  }
}

async::Task<void> Api::serve_repository(http::Exchange& exchange, const Route& route) {
  const std::string& method = exchange.request().method;
  auto name = store::RepositoryName::parse(route.name);
  if (!name.ok()) co_return co_await answer(exchange, refusal(Code::NameInvalid));
  // Before anything is looked up. Cancelling an upload deletes nothing that was ever acknowledged.
  const bool deletes = method == "DELETE" && route.kind != Route::Kind::Upload;
  if (deletes && !settings_.delete_enabled) co_return co_await answer(exchange, unsupported({}));

  Request request{exchange,        settings_,      *store_,
                  referrers_,      *disk_,         store_->repository(std::move(name).value()),
                  route.reference, notifier_.get()};
  const Operation operation = operation_for(route.kind, method);
  co_await operation(request);
}

}  // namespace caisson::registry
