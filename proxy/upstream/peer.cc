#include "upstream/peer.h"

namespace caisson::upstream {

bool Candidates::usable(std::size_t i) const {
  const Peer& peer = *peers_[i];
  const Server& server = *peer.server;
  if (tried_[i] || server.down) return false;
  if (server.max_connections != 0 && peer.active >= server.max_connections) return false;
  if (only_ || server.max_fails == 0 || peer.fails < server.max_fails) return true;
  return now_ - peer.checked > server.fail_timeout;
}

std::uint64_t Candidates::total_weight() const {
  std::uint64_t total = 0;
  for (const auto& peer : peers_) total += peer->server->weight;
  return total;
}

std::size_t Candidates::at_weight(std::uint64_t point) const {
  std::size_t i = 0;
  while (point >= peers_[i]->server->weight) point -= peers_[i++]->server->weight;
  return i;
}

}  // namespace caisson::upstream
