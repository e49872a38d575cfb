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
  report_once(link, text.ok() && text.value().empty() ? "is an empty link" : "holds no digest");
  return Error{ErrorCode::NotFound, "malformed link \"" + link.path() + '"'};
}

void Store::report_once(const Key& key, std::string_view fault) const {
  {
    const std::lock_guard lock(reported_mutex_);
    if (reported_.size() >= kMostReported) reported_.clear();
    if (!reported_.insert(key.path()).second) return;
  }
  log_.warn("registry: \"" + key.path() + "\" " + std::string(fault) + ", treated as absent");
}

}  // namespace caisson::registry::store
