#include "limits/request_zone.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

namespace caisson::limits {

namespace {

constexpr std::size_t page = 4096;
// Of ngx_rbtree_node_t and ngx_http_limit_req_node_t, on 64-bit machines.
constexpr std::size_t node_bytes = 80;

constexpr RequestZone::Moment forgotten_after{60'000};

constexpr std::size_t least_cost = 128;  // of a key of one byte

// Whoever pins a key lets go of it at once, unless its process was killed just then.
constexpr std::int64_t longest_pin = 10'000;

// Since the last request; clocks of different loops may differ a little, and a clock that went back far is not
// believed.
std::int64_t elapsed(std::int64_t last, RequestZone::Moment now) {
  const std::int64_t ms = now.count() - last;
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

std::size_t RequestZone::memory_for(std::size_t bytes) { return Table::memory_for(bytes, least_cost); }

RequestZone::RequestZone(std::uint64_t rate, std::size_t bytes, std::shared_ptr<SharedMemory> memory)
    : rate_(static_cast<std::int64_t>(rate)), table_(std::move(memory), bytes, least_cost) {}

// ngx_http_limit_req_lookup, for a key that is known.
RequestZone::Found RequestZone::find(const KeyDigest& key, std::int64_t burst, Moment now) {
  Found found;
  found.key = table_.find(key);
  if (found.key == nullptr) return found;
  table_.touch(*found.key);
  const State& state = found.key->value;
  found.look.excess = std::max<std::int64_t>(state.excess - leaked(elapsed(state.last, now)) + 1000, 0);
  if (found.look.excess > burst) found.look.outcome = Outcome::Over;
  return found;
}

RequestZone::Look RequestZone::count(std::string_view key, std::int64_t burst, Moment now) {
  const KeyDigest digest = digest_of(key);
  const Table::Lock lock(table_);
  Found found = find(digest, burst, now);
  if (found.key == nullptr) {
    Key* made = add(digest, key.size(), now);
    if (made == nullptr) return {Outcome::NoRoom, 0, nullptr};
    made->value.last = now.count();
    return {};
  }
  if (found.look.outcome != Outcome::Fits) return found.look;
  State& state = found.key->value;
  if (elapsed(state.last, now) != 0) state.last = now.count();
  state.excess = found.look.excess;
  return found.look;
}

RequestZone::Look RequestZone::look(std::string_view key, std::int64_t burst, Moment now) {
  const KeyDigest digest = digest_of(key);
  const Table::Lock lock(table_);
  Found found = find(digest, burst, now);
  if (found.key == nullptr) {
    found.key = add(digest, key.size(), now);
    if (found.key == nullptr) return {Outcome::NoRoom, 0, nullptr};
  }
  if (found.look.outcome != Outcome::Fits) return found.look;
  ++found.key->value.pins;
  found.key->value.pinned_at = now.count();
  found.look.pinned = found.key;
  return found.look;
}

// ngx_http_limit_req_account
std::int64_t RequestZone::settle(Key& pinned, Moment now) {
  const Table::Lock lock(table_);
  State& state = pinned.value;
  const std::int64_t ms = elapsed(state.last, now);
  state.excess = std::max<std::int64_t>(state.excess - leaked(ms) + 1000, 0);
  if (ms != 0) state.last = now.count();
  if (state.pins > 0) --state.pins;
  return state.excess;
}

void RequestZone::release(Key& pinned) {
  const Table::Lock lock(table_);
  if (pinned.value.pins > 0) --pinned.value.pins;
}

std::size_t RequestZone::keys() {
  const Table::Lock lock(table_);
  return table_.size();
}

// Null: there is no room, also not by force.
RequestZone::Key* RequestZone::add(const KeyDigest& key, std::size_t length, Moment now) {
  const std::size_t cost = slab_size(node_bytes + length);
  expire(now, false);
  if (Key* made = table_.add(key, cost)) return made;
  expire(now, true);
  return table_.add(key, cost);
}

// ngx_http_limit_req_expire: at most two that have leaked empty, and by force the oldest before them.
void RequestZone::expire(Moment now, bool by_force) {
  for (int n = by_force ? 0 : 1; n < 3; ++n) {
    Key* const oldest = table_.oldest();
    if (oldest == nullptr) return;
    const State& state = oldest->value;
    if (state.pins != 0 && now.count() - state.pinned_at < longest_pin) return;
    if (n != 0) {
      const std::int64_t idle = std::abs(now.count() - state.last);
      if (idle < forgotten_after.count() || state.excess > leaked(idle)) return;
    }
    table_.remove(*oldest);
  }
}

}  // namespace caisson::limits
