#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// Longer than any link that is one.
constexpr std::size_t kLongestLink = 512;
// Faults remembered; beyond them a fault may be reported again.
constexpr std::size_t kMostReported = 10'000;

}  // namespace

Result<Digest> Store::read_link(const Key& link) const {
  auto text = driver_->get(link, kLongestLink);
  if (!text.ok() && text.error().code != ErrorCode::TooLarge) return std::move(text).error();
  if (text.ok()) {
    auto target = Digest::parse(text.value());
    if (target.ok()) return target;
  }
  report_once(link, text.ok() && text.value().empty() ? "is an empty link, treated as absent"
                                                      : "holds no digest, treated as absent");
  return Error{ErrorCode::NotFound, "malformed link \"" + link.path() + '"'};
}

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
