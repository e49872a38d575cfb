#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// Faults remembered; beyond them a fault may be reported again.
constexpr std::size_t kMostReported = 10'000;

}  // namespace

Result<void> Store::renew_lease(const Digest& target) const {
  // Collection spares what anybody was told of within its grace period, which is never shorter than four times this.
  constexpr std::chrono::minutes kOldest{15};
  const Key key = Layout::blob_data(target);
  auto renewed = driver_->renew_lease(key, kOldest);
  if (renewed.ok() || renewed.error().code == ErrorCode::NotFound) return renewed;
  // On storage that cannot be written nothing is collected either.
  report_once(key, "cannot be marked as in use: " + renewed.error().what);
  return {};
}

void Store::report_once(const Key& key, std::string_view fault) const {
  {
    const std::lock_guard lock(reported_mutex_);
    if (reported_.size() >= kMostReported) reported_.clear();
    if (!reported_.insert(key.path()).second) return;
  }
  log_.warn("registry: \"" + key.path() + "\" " + std::string(fault));
}

}  // namespace caisson::registry::store
