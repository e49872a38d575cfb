#include "limits/request_zone.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace caisson::limits {

namespace {

constexpr std::size_t page = 4096;
// Of ngx_rbtree_node_t and ngx_http_limit_req_node_t, on 64-bit machines.
constexpr std::size_t node_bytes = 80;

constexpr RequestZone::Moment forgotten_after{60'000};

std::size_t cost_of(std::string_view key) { return slab_size(node_bytes + key.size()); }

// Since the last request; clocks of different loops may differ a little, and a clock that went back far is not
// believed.
std::int64_t elapsed(RequestZone::Moment last, RequestZone::Moment now) {
  const std::int64_t ms = (now - last).count();
  if (ms < -60'000) return 1;
  return std::max<std::int64_t>(ms, 0);
}

}  // namespace

std::size_t slab_size(std::size_t bytes) noexcept {
  if (bytes > page / 2) return (bytes + page - 1) / page * page;
  return std::bit_ceil(std::max<std::size_t>(bytes, 8));
}

std::int64_t RequestZone::leaked(std::int64_t milliseconds) const noexcept {
  constexpr std::int64_t everything = std::numeric_limits<std::int64_t>::max() / 2;
  return milliseconds > everything / rate_ ? everything : rate_ * milliseconds / 1000;
}

// ngx_http_limit_req_lookup, for a key that is known.
RequestZone::Found RequestZone::find(std::string_view key, std::int64_t burst, Moment now) {
  const auto at = by_text_.find(key);
  if (at == by_text_.end()) return {};
  keys_.splice(keys_.begin(), keys_, at->second);
  Found found;
  found.key = &*at->second;
  found.look.excess = std::max<std::int64_t>(found.key->excess - leaked(elapsed(found.key->last, now)) + 1000, 0);
  if (found.look.excess > burst) found.look.outcome = Outcome::Over;
  return found;
}

RequestZone::Look RequestZone::count(std::string_view key, std::int64_t burst, Moment now) {
  const std::lock_guard lock(mutex_);
  Found found = find(key, burst, now);
  if (found.key == nullptr) {
    Key* made = add(key, now);
    if (made == nullptr) return {Outcome::NoRoom, 0, nullptr};
    made->last = now;
    return {};
  }
  if (found.look.outcome != Outcome::Fits) return found.look;
  if (elapsed(found.key->last, now) != 0) found.key->last = now;
  found.key->excess = found.look.excess;
  return found.look;
}

RequestZone::Look RequestZone::look(std::string_view key, std::int64_t burst, Moment now) {
  const std::lock_guard lock(mutex_);
  Found found = find(key, burst, now);
  if (found.key == nullptr) {
    found.key = add(key, now);
    if (found.key == nullptr) return {Outcome::NoRoom, 0, nullptr};
  }
  if (found.look.outcome != Outcome::Fits) return found.look;
  ++found.key->pins;
  found.look.pinned = found.key;
  return found.look;
}

// ngx_http_limit_req_account
std::int64_t RequestZone::settle(Key& pinned, Moment now) {
  const std::lock_guard lock(mutex_);
  const std::int64_t ms = elapsed(pinned.last, now);
  pinned.excess = std::max<std::int64_t>(pinned.excess - leaked(ms) + 1000, 0);
  if (ms != 0) pinned.last = now;
  --pinned.pins;
  return pinned.excess;
}

void RequestZone::release(Key& pinned) {
  const std::lock_guard lock(mutex_);
  --pinned.pins;
}

std::size_t RequestZone::keys() {
  const std::lock_guard lock(mutex_);
  return keys_.size();
}

// Null: there is no room, also not by force.
RequestZone::Key* RequestZone::add(std::string_view key, Moment now) {
  const std::size_t cost = cost_of(key);
  expire(now, false);
  if (room_ < cost) expire(now, true);
  if (room_ < cost) return nullptr;
  room_ -= cost;
  keys_.push_front({std::string(key), 0, Moment::zero(), 0});
  by_text_.emplace(keys_.front().text, keys_.begin());
  return &keys_.front();
}

// ngx_http_limit_req_expire: at most two that have leaked empty, and by force the oldest before them.
void RequestZone::expire(Moment now, bool by_force) {
  for (int n = by_force ? 0 : 1; n < 3 && !keys_.empty(); ++n) {
    const Key& oldest = keys_.back();
    if (oldest.pins != 0) return;
    if (n != 0) {
      const Moment idle = std::chrono::abs(now - oldest.last);
      if (idle < forgotten_after || oldest.excess > leaked(idle.count())) return;
    }
    remove_oldest();
  }
}

void RequestZone::remove_oldest() {
  room_ += cost_of(keys_.back().text);
  by_text_.erase(keys_.back().text);
  keys_.pop_back();
}

}  // namespace caisson::limits
