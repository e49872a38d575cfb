// The methods of balancing: whose turn it is. One file each; round robin is both the usual one and what the others fall
// back to.
//
// Ownership: a Balancer is part of its upstream's settings. Threading: choice() from any loop; next() under the mutex
// of the upstream's ServerGroup, since all loops share the state of the peers.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rules/template.h"
#include "upstream/peer.h"

namespace caisson::upstream {

class Balancer {
 public:
  // One request's way over the peers.
  class Choice {
   public:
    virtual ~Choice() = default;
    // The peer to be tried next, or nothing when none is usable. Keeps the weights, but not the count of requests.
    virtual std::optional<std::size_t> next(const Candidates& among) = 0;
  };

  virtual ~Balancer() = default;
  virtual std::unique_ptr<Choice> choice(rules::RequestState& state) const = 0;
};

// Smooth weighted round robin among the candidates that are usable and, where it is given, fit.
template <class Fits>
std::optional<std::size_t> take_turn(const Candidates& among, Fits fits) {
  std::optional<std::size_t> best;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < among.size(); ++i) {
    if (!among.usable(i) || !fits(i)) continue;
    Peer& peer = among[i];
    peer.current_weight += peer.effective_weight;
    total += peer.effective_weight;
    if (peer.effective_weight < static_cast<std::int64_t>(peer.server->weight)) ++peer.effective_weight;
    if (!best || peer.current_weight > among[*best].current_weight) best = i;
  }
  if (best) among[*best].current_weight -= total;
  return best;
}
std::optional<std::size_t> take_turn(const Candidates& among);

// After so many unusable peers the hashing and random methods take turns instead.
inline constexpr unsigned most_misses = 20;

std::shared_ptr<const Balancer> round_robin();
std::shared_ptr<const Balancer> least_conn();
std::shared_ptr<const Balancer> ip_hash();
std::shared_ptr<const Balancer> hash(rules::Template key);
// REQUIRES: `servers` are those of the upstream.
std::shared_ptr<const Balancer> consistent_hash(rules::Template key,
                                                const std::vector<std::shared_ptr<const Server>>& servers);
enum class RandomKind : unsigned char { One, LessBusyOfTwo };
std::shared_ptr<const Balancer> random_peer(RandomKind kind);

}  // namespace caisson::upstream
