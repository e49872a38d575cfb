#include "registry/maintenance/bin.h"

#include <ranges>

namespace caisson::registry::maintenance {

Result<std::unique_ptr<store::Hold>> Bin::keep_others_out() {
  // Trying again, at first, instead of waiting for it: whoever puts a manifest shares the lock over several syncs, and
  // is not to find a queue behind somebody who waits. Where they never leave a gap there is no other way.
  constexpr std::chrono::microseconds kBetween{500};
  constexpr int kMostTries = 2000;
  for (int i = 0; i < kMostTries; ++i) {
    auto held = driver_.try_hold(store::Layout::content_lock());
    if (held.ok() || held.error().code != ErrorCode::Conflict) return held;
    if (!pace_.wait(kBetween)) return std::unique_ptr<store::Hold>();
  }
  return driver_.hold(store::Layout::content_lock(), store::Sharing::Alone);
}

Result<bool> Bin::throw_away(const store::Key& place) {
  constexpr std::chrono::hours kOneName{1};  // what is thrown later lies there until later
  const store::Time now = store::Time::clock::now();
  if (!name_ || (fresh_.empty() && now - name_->time() > kOneName)) name_ = store::TrashName::generate(now);
  Thrown thrown{place, store::Layout::in_trash(*name_, place)};
  auto moved = move_away(thrown);
  if (!moved.ok() && moved.error().code == ErrorCode::NotFound) return false;
  if (!moved.ok()) return std::move(moved).error();
  fresh_.push_back(std::move(thrown));
  return true;
}

Result<void> Bin::move_away(Thrown& thrown) {
  auto moved = driver_.move(thrown.from, thrown.to);
  if (moved.ok() || moved.error().code != ErrorCode::NoSpace) return moved;
  thrown.to = store::Layout::aside(name_->str() + '-' + std::to_string(gone_for_good_ + fresh_.size()));
  thrown.aside = true;
  return driver_.move(thrown.from, thrown.to);
}

Result<bool> Bin::used_since(const store::Key& key, store::Time since) const {
  auto used = driver_.changed(store::Layout::moved(key, fresh_.back().from, fresh_.back().to));
  if (!used.ok()) return std::move(used).error();
  return used.value() >= since;
}

void Bin::accept() {
  std::vector<store::Key> aside;
  for (Thrown& thrown : fresh_) {
    if (thrown.aside) aside.push_back(std::move(thrown.to));
  }
  fresh_.clear();
  gone_for_good_ += aside.size();
  (void)driver_.remove(aside);  // what stays is cleared away the next time
}

Result<void> Bin::clear_away() {
  auto names = driver_.folders(store::Layout::base());
  if (!names.ok()) return std::move(names).error();
  std::vector<store::Key> left;
  for (const std::string& name : *names.value()) {
    if (auto aside = store::Layout::find_aside(name)) left.push_back(std::move(*aside));
  }
  return driver_.remove(left);
}

Result<void> Bin::take_back() {
  Result<void> done;
  for (const Thrown& thrown : std::views::reverse(fresh_)) {
    auto moved = driver_.move(thrown.to, thrown.from);
    // Something else in its place is as good, and what is gone somebody else has brought back.
    const bool stands =
        moved.ok() || moved.error().code == ErrorCode::Conflict || moved.error().code == ErrorCode::NotFound;
    if (!stands) done = std::move(moved);
  }
  fresh_.clear();
  return done;
}

}  // namespace caisson::registry::maintenance
