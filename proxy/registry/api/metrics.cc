#include "registry/api/metrics.h"

#include <algorithm>
#include <ctime>
#include <string>

#include "registry/api/front.h"
#include "registry/routes/prefix.h"

namespace caisson::registry {
namespace {

constexpr std::array duration_bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0};

constexpr auto size_bounds = [] {
  std::array<double, 22> bounds{};
  double bound = 1024;
  for (double& one : bounds) {
    one = bound;
    bound *= 2;
  }
  return bounds;
}();

// registry:2's names, and one of its own for what registry:2 does not have.
constexpr std::array<std::string_view, 8> handler_names = {"base",    "blob",     "blob_upload", "blob_upload_chunk",
                                                           "catalog", "manifest", "referrers",   "tags"};
constexpr std::array<std::string_view, 8> method_names = {"delete", "get",  "head", "options",
                                                          "patch",  "post", "put",  "unknown"};
constexpr std::array<std::string_view, 7> methods_as_sent = {"DELETE", "GET",  "HEAD", "OPTIONS",
                                                             "PATCH",  "POST", "PUT"};

// What a request has to remember.
struct Measured {
  std::optional<std::size_t> handler;
  std::string method;  // an error page may change the request's
  std::chrono::steady_clock::time_point begun;
};

}  // namespace

void StatusCounts::count(unsigned status) noexcept {
  for (Slot& slot : slots_) {
    unsigned there = slot.status.load(std::memory_order_acquire);
    if (there == 0 && slot.status.compare_exchange_strong(there, status, std::memory_order_acq_rel)) there = status;
    if (there != status) continue;
    slot.count.fetch_add(1, std::memory_order_relaxed);
    return;
  }
}

Metrics::PerMethod::PerMethod() : duration(duration_bounds) {}
Metrics::PerHandler::PerHandler() : request_size(size_bounds), response_size(size_bounds) {}
Metrics::Metrics() = default;

std::optional<std::size_t> Metrics::handler_of(Route::Kind kind) noexcept {
  const auto named = [](std::string_view name) {
    return static_cast<std::size_t>(std::find(handler_names.begin(), handler_names.end(), name) -
                                    handler_names.begin());
  };
  switch (kind) {
    case Route::Kind::Unknown:
    case Route::Kind::Root:
    case Route::Kind::VersionBare:
      return std::nullopt;
    case Route::Kind::Version:
      return named("base");
    case Route::Kind::Catalog:
      return named("catalog");
    case Route::Kind::Tags:
      return named("tags");
    case Route::Kind::Manifest:
      return named("manifest");
    case Route::Kind::Referrers:
      return named("referrers");
    case Route::Kind::Blob:
      return named("blob");
    case Route::Kind::Uploads:
      return named("blob_upload");
    case Route::Kind::Upload:
      return named("blob_upload_chunk");
  }
  return std::nullopt;
}

void Metrics::ends(const Request& request) noexcept {
  PerHandler& handler = handlers_[request.handler];
  handler.in_flight.fetch_sub(1, std::memory_order_relaxed);
  const auto method = std::find(methods_as_sent.begin(), methods_as_sent.end(), request.method);
  PerMethod& counted = handler.by_method[static_cast<std::size_t>(method - methods_as_sent.begin())];
  if (request.status != 0) counted.statuses.count(request.status);
  counted.duration.observe(request.duration.count());
  handler.request_size.observe(static_cast<double>(request.request_bytes));
  handler.response_size.observe(static_cast<double>(request.response_bytes));
}

void Metrics::write(observe::Exposition& to) const {
  const auto used = [](const observe::Histogram& values) { return values.up_to(values.bounds().size()) != 0; };

  to.family("registry_http_in_flight_requests", "gauge", "The in-flight HTTP requests");
  for (std::size_t h = 0; h < handlers; ++h) {
    to.sample("registry_http_in_flight_requests", {{"handler", handler_names[h]}},
              static_cast<double>(handlers_[h].in_flight.load(std::memory_order_relaxed)));
  }
  to.family("registry_http_request_duration_seconds", "histogram", "The HTTP request latencies in seconds.");
  for (std::size_t h = 0; h < handlers; ++h) {
    for (std::size_t m = 0; m < methods; ++m) {
      const observe::Histogram& duration = handlers_[h].by_method[m].duration;
      if (!used(duration)) continue;
      to.histogram("registry_http_request_duration_seconds",
                   {{"handler", handler_names[h]}, {"method", method_names[m]}}, duration);
    }
  }
  const auto write_sizes = [&](std::string_view name, std::string_view help, auto member) {
    to.family(name, "histogram", help);
    for (std::size_t h = 0; h < handlers; ++h) {
      const observe::Histogram& sizes = handlers_[h].*member;
      if (used(sizes)) to.histogram(name, {{"handler", handler_names[h]}}, sizes);
    }
  };
  write_sizes("registry_http_request_size_bytes", "The HTTP request sizes in bytes.", &PerHandler::request_size);
  to.family("registry_http_requests_total", "counter", "Total number of HTTP requests made.");
  for (std::size_t h = 0; h < handlers; ++h) {
    for (std::size_t m = 0; m < methods; ++m) {
      handlers_[h].by_method[m].statuses.each([&](unsigned status, std::uint64_t count) {
        const std::string code = std::to_string(status);
        to.sample("registry_http_requests_total",
                  {{"code", code}, {"handler", handler_names[h]}, {"method", method_names[m]}},
                  static_cast<double>(count));
      });
    }
  }
  write_sizes("registry_http_response_size_bytes", "The HTTP response sizes in bytes.", &PerHandler::response_size);

  to.family("registry_storage_action_seconds", "histogram", "The number of seconds that the storage action takes");
  storage_.each([&](std::string_view action, const observe::Histogram& seconds) {
    if (used(seconds)) {
      to.histogram("registry_storage_action_seconds", {{"action", action}, {"driver", "filesystem"}}, seconds);
    }
  });
  write_collections(to);
}

void Metrics::collected(const Result<maintenance::CollectionSummary>& result) noexcept {
  if (!result.ok()) {
    collections_.failed.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  collections_.done.fetch_add(1, std::memory_order_relaxed);
  collections_.blobs.fetch_add(result.value().removed_blobs, std::memory_order_relaxed);
  collections_.bytes.fetch_add(result.value().removed_bytes, std::memory_order_relaxed);
  collections_.last.store(std::time(nullptr), std::memory_order_relaxed);
}

// These are not registry:2's, which has no collection of its own.
void Metrics::write_collections(observe::Exposition& to) const {
  const auto value = [](const auto& number) { return static_cast<double>(number.load(std::memory_order_relaxed)); };
  if (collections_.done + collections_.failed == 0) return;
  to.family("registry_gc_runs_total", "counter", "Collections of garbage by this process.");
  to.sample("registry_gc_runs_total", {{"result", "done"}}, value(collections_.done));
  to.sample("registry_gc_runs_total", {{"result", "failed"}}, value(collections_.failed));
  to.family("registry_gc_removed_blobs_total", "counter", "Blobs that were moved to the trash.");
  to.sample("registry_gc_removed_blobs_total", {}, value(collections_.blobs));
  to.family("registry_gc_removed_bytes_total", "counter", "Bytes of the blobs that were moved to the trash.");
  to.sample("registry_gc_removed_bytes_total", {}, value(collections_.bytes));
  to.family("registry_gc_last_success_timestamp_seconds", "gauge", "When a collection ended well for the last time.");
  to.sample("registry_gc_last_success_timestamp_seconds", {}, value(collections_.last));
}

void RequestMeter::begins(rules::RequestState& state) const {
  const FrontSettings& front = state.settings<FrontSettings>();
  if (!front.metrics) return;
  const Route route = find_route_behind(state.settings<Prefix>().str(), state.path);
  const auto handler = Metrics::handler_of(route.kind);
  if (!handler) return;
  state.data<Measured>() = {handler, state.exchange.request().method, std::chrono::steady_clock::now()};
  front.metrics->begins(*handler);
}

void RequestMeter::ends(rules::RequestState& state) const {
  const FrontSettings& front = state.settings<FrontSettings>();
  if (!front.metrics) return;
  const Measured& measured = state.data<Measured>();
  if (!measured.handler) return;
  const http::Traffic& traffic = state.exchange.traffic();
  front.metrics->ends({*measured.handler, measured.method, state.status(),
                       std::chrono::steady_clock::now() - measured.begun, traffic.received, traffic.body_sent});
}

}  // namespace caisson::registry
