#include "registry/store/store.h"

#include <algorithm>

#include "base/text.h"
#include "registry/store/trash.h"

namespace caisson::registry::store {
namespace {

// Faults remembered; beyond them a fault may be reported again.
constexpr std::size_t kMostReported = 10'000;

}  // namespace

Result<void> Store::renew_lease(const Digest& target) const {
  const Key key = Layout::blob_data(target);
  auto renewed = driver_->renew_lease(key, lease_age_);
  if (renewed.ok() || renewed.error().code == ErrorCode::NotFound) return renewed;
  // On storage that cannot be written nothing is collected either.
  report_once(key, "cannot be marked as in use: " + renewed.error().what);
  return {};
}

Result<Digest> Store::leased_target(const Key& link, const Hold* content) const {
  auto target = read_link(link);
  if (!target.ok()) return target;
  auto renewed = renew_lease(target.value());
  if (renewed.ok()) return target;
  if (renewed.error().code != ErrorCode::NotFound) return std::move(renewed).error();
  return rescued_target(link, content);
}

Result<Digest> Store::rescued_target(const Key& link, const Hold* content) const {
  const Error absent{ErrorCode::NotFound, "what \"" + link.path() + "\" leads to is not there"};
  auto trash = trash_names(*driver_);
  if (!trash.ok() || trash.value().empty()) return absent;
  // Collection takes a blob and its links away while it has this lock alone: now it has taken both, or none.
  std::unique_ptr<Hold> taken;
  if (content == nullptr) {
    auto held = driver_->hold(Layout::content_lock(), Sharing::Shared);
    if (!held.ok()) return absent;
    taken = std::move(held).value();
  }
  auto target = read_link(link);
  if (!target.ok()) return target;
  if (renew_lease(target.value()).ok()) return target;
  auto back = bring_back(*driver_, Layout::blob_data(target.value()));
  if (!back.ok() && back.error().code != ErrorCode::NotFound) return std::move(back).error();
  // Also when it was not in the trash: somebody else may have brought it back.
  auto renewed = driver_->renew_lease(Layout::blob_data(target.value()), std::chrono::milliseconds(0));
  if (!renewed.ok()) return std::move(renewed).error();
  return target;
}

bool Store::bring_back_layer(const RepositoryName& repository, const Digest& blob, const Hold& content) const {
  auto link = bring_back(*driver_, Layout::layer(repository, blob));
  const bool stands = link.ok() || link.error().code == ErrorCode::Conflict;
  return stands && leased_target(Layout::layer_link(repository, blob), &content).ok();
}

void Store::announce_leases() {
  auto held = driver_->hold(Layout::lease_age(lease_age_), Sharing::Shared);
  if (held.ok()) announced_ = std::move(held).value();
}

Result<std::chrono::milliseconds> Store::oldest_lease() const {
  std::chrono::milliseconds oldest{0};
  auto names = driver_->folders(Layout::lease_ages());
  if (!names.ok() && names.error().code == ErrorCode::NotFound) return oldest;
  if (!names.ok()) return std::move(names).error();
  for (const std::string& name : *names.value()) {
    const auto number = text::to_number(name);
    if (!number) continue;
    const std::chrono::milliseconds age(*number);
    auto unused = driver_->try_hold(Layout::lease_age(age));
    if (!unused.ok() && unused.error().code != ErrorCode::Conflict) return std::move(unused).error();
    if (!unused.ok()) oldest = std::max(oldest, age);
  }
  return oldest;
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
