#include "limits/connection_zone.h"

#include "limits/request_zone.h"

namespace caisson::limits {

namespace {

// Of ngx_rbtree_node_t and ngx_http_limit_conn_node_t, on 64-bit machines.
std::size_t cost_of(std::string_view key) {
  constexpr std::size_t node_bytes = 36;
  return slab_size(node_bytes + key.size());
}

}  // namespace

ConnectionZone::Outcome ConnectionZone::enter(const std::string& key, unsigned most) {
  const std::lock_guard lock(mutex_);
  const auto known = counts_.find(key);
  if (known != counts_.end()) {
    if (known->second >= most) return Outcome::Over;
    ++known->second;
    return Outcome::Entered;
  }
  const std::size_t cost = cost_of(key);
  if (room_ < cost) return Outcome::NoRoom;
  room_ -= cost;
  counts_.emplace(key, 1);
  return Outcome::Entered;
}

void ConnectionZone::leave(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto known = counts_.find(key);
  if (--known->second != 0) return;
  room_ += cost_of(key);
  counts_.erase(known);
}

}  // namespace caisson::limits
