// What is counted of a registry's requests and of its storage, under the names that dashboards for registry:2 know
// (registry contract, section 13). A series appears once it has been used.
//
// Ownership: shared by the settings and the registry. Threading: from all loops and pools at once; nothing waits.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "observe/metrics.h"
#include "registry/maintenance/collection.h"
#include "registry/routes/route.h"
#include "registry/store/measured_driver.h"
#include "rules/phases.h"

namespace caisson::registry {

// How often each status was answered.
class StatusCounts {
 public:
  void count(unsigned status) noexcept;
  template <class Take>
  void each(Take take) const {
    for (const Slot& slot : slots_) {
      const unsigned status = slot.status.load(std::memory_order_acquire);
      if (status != 0) take(status, slot.count.load(std::memory_order_relaxed));
    }
  }

 private:
  struct Slot {
    std::atomic<unsigned> status{0};
    std::atomic<std::uint64_t> count{0};
  };
  std::array<Slot, 32> slots_{};  // more than a registry answers; further ones are not counted
};

class Metrics {
 public:
  Metrics();

  // The row of a route; nothing for what registry:2 does not count ("/", paths that are none).
  static std::optional<std::size_t> handler_of(Route::Kind kind) noexcept;

  struct Request {
    std::size_t handler = 0;
    std::string_view method;
    unsigned status = 0;
    std::chrono::duration<double> duration{};
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
  };
  void begins(std::size_t handler) noexcept { handlers_[handler].in_flight.fetch_add(1, std::memory_order_relaxed); }
  void ends(const Request& request) noexcept;

  store::ActionTimes& storage() noexcept { return storage_; }

  // After a collection of garbage. From one thread at a time.
  void collected(const Result<maintenance::CollectionSummary>& result) noexcept;

  void write(observe::Exposition& to) const;

 private:
  void write_collections(observe::Exposition& to) const;

  static constexpr std::size_t handlers = 8;
  static constexpr std::size_t methods = 8;
  struct PerMethod {
    PerMethod();
    StatusCounts statuses;
    observe::Histogram duration;
  };
  struct PerHandler {
    PerHandler();
    std::atomic<std::int64_t> in_flight{0};
    std::array<PerMethod, methods> by_method{};
    observe::Histogram request_size;
    observe::Histogram response_size;
  };

  std::array<PerHandler, handlers> handlers_{};
  store::ActionTimes storage_;
  struct Collections {
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> blobs{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::int64_t> last{0};  // seconds since 1970
  } collections_;
};

// Counts the requests of locations with `registry_metrics on`.
class RequestMeter final : public rules::RequestObserver {
 public:
  void begins(rules::RequestState& state) const override;
  void ends(rules::RequestState& state) const override;
};

}  // namespace caisson::registry
