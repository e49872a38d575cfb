// The servers of an upstream as they are configured, and the addresses behind them as all loops know them.
//
// Threading: a Server is read-only after loading; what changes in a Peer is guarded by its ServerGroup's mutex.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/address.h"

namespace caisson::upstream {

// One `server` line of an upstream block, or what a proxy_pass names.
struct Server {
  std::string name;  // as it is written
  net::Endpoint at;
  std::uint64_t weight = 1;
  std::uint64_t max_fails = 1;  // 0: failures are not counted
  std::chrono::seconds fail_timeout{10};
  std::uint64_t max_connections = 0;  // 0: no limit
  bool backup = false;
  bool down = false;
};

// One address of a server.
struct Peer {
  using Clock = std::chrono::steady_clock;

  net::Address address;
  std::string text;  // $upstream_addr
  std::shared_ptr<const Server> server;
  std::int64_t current_weight = 0;
  std::int64_t effective_weight = 1;
  std::uint64_t fails = 0;
  std::uint64_t active = 0;    // requests under way
  Clock::time_point accessed;  // of the last failure
  Clock::time_point checked;
};

using Peers = std::vector<std::shared_ptr<Peer>>;

// What one choice may choose from: peers of one kind (backup or not), less those that this request has tried. Lives
// under the group's mutex for one choice.
class Candidates {
 public:
  // `only`: the upstream has no other peer, so that its failures do not count.
  Candidates(const Peers& peers, const std::vector<bool>& tried, bool only, Peer::Clock::time_point now)
      : peers_(peers), tried_(tried), only_(only), now_(now) {}

  std::size_t size() const noexcept { return peers_.size(); }
  Peer& operator[](std::size_t i) const noexcept { return *peers_[i]; }

  // Untried, up, with room for one more request, and not failing (max_fails within fail_timeout).
  bool usable(std::size_t i) const;
  // Of all peers, usable or not.
  std::uint64_t total_weight() const;
  // The peer into whose share of the total weight this point falls. REQUIRES: point < total_weight().
  std::size_t at_weight(std::uint64_t point) const;

 private:
  const Peers& peers_;
  const std::vector<bool>& tried_;
  bool only_;
  Peer::Clock::time_point now_;
};

}  // namespace caisson::upstream
