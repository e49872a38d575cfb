#include "upstream/servers.h"

#include <algorithm>

namespace caisson::upstream {

net::Resolver& NameService::here() {
  Slot& slot = slots_.get();
  if (!slot.resolver) slot.resolver.emplace(async::Loop::current(), *pool_);
  return *slot.resolver;
}

ServerGroup::ServerGroup(std::string group_name, std::vector<Server> members, KeepAlive settings,
                         std::shared_ptr<NameService> resolvers)
    : name_(std::move(group_name)), servers_(std::move(members)), keep_alive_(settings), names_(std::move(resolvers)) {}

async::Task<ServerGroup::Walk> ServerGroup::walk() {
  Walk walk;
  std::vector<Known>& known = state_.get().servers;
  if (known.empty()) known.resize(servers_.size());
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = servers_[i];
    if (const auto numeric = server.at.numeric()) {
      if (known[i].peers.empty()) learn(known[i], server, {*numeric});
      continue;
    }
    net::Resolver& resolver = names_->here();
    Result<net::Addresses> found = co_await resolver.resolve(server.at.host, server.at.port);
    if (found.ok()) {
      learn(known[i], server, std::move(found).value());
    } else {
      known[i] = {};
      walk.problems_.push_back(server.at.host + " could not be resolved (" + found.error().what + ')');
    }
  }
  for (const Known& server : known) walk.peers_.insert(walk.peers_.end(), server.peers.begin(), server.peers.end());
  walk.tried_.resize(walk.peers_.size());
  co_return walk;
}

void ServerGroup::learn(Known& known, const Server& server, net::Addresses addresses) const {
  if (known.addresses == addresses && !known.peers.empty()) return;
  std::vector<std::shared_ptr<Peer>> peers;
  for (const net::Address& address : addresses) {
    // What was learnt of an address that stays is kept.
    const auto old = std::find_if(known.peers.begin(), known.peers.end(),
                                  [&](const std::shared_ptr<Peer>& peer) { return peer->address == address; });
    if (old != known.peers.end()) {
      peers.push_back(*old);
      continue;
    }
    auto peer = std::make_shared<Peer>();
    peer->address = address;
    peer->text = address.text();
    peer->server = &server;
    peer->effective_weight = static_cast<std::int64_t>(server.weight);
    peers.push_back(std::move(peer));
  }
  known.addresses = std::move(addresses);
  known.peers = std::move(peers);
}

void ServerGroup::doubt(const Peer& peer) {
  const net::Endpoint& at = peer.server->at;
  if (!at.numeric()) names_->here().expire(at.host);
}

bool ServerGroup::Walk::usable(const Peer& peer, Peer::Clock::time_point now) const {
  const Server& server = *peer.server;
  if (server.down) return false;
  if (server.max_connections != 0 && peer.active >= server.max_connections) return false;
  if (peers_.size() == 1) return true;  // there is no other choice
  return server.max_fails == 0 || peer.fails < server.max_fails || now - peer.checked > server.fail_timeout;
}

std::shared_ptr<Peer> ServerGroup::Walk::best(bool backup, Peer::Clock::time_point now) {
  std::size_t chosen = peers_.size();
  std::int64_t total = 0;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    Peer& peer = *peers_[i];
    if (tried_[i] || peer.server->backup != backup || !usable(peer, now)) continue;
    peer.current_weight += peer.effective_weight;
    total += peer.effective_weight;
    if (peer.effective_weight < static_cast<std::int64_t>(peer.server->weight)) ++peer.effective_weight;
    if (chosen == peers_.size() || peer.current_weight > peers_[chosen]->current_weight) chosen = i;
  }
  if (chosen == peers_.size()) return nullptr;
  Peer& peer = *peers_[chosen];
  tried_[chosen] = true;
  peer.current_weight -= total;
  if (now - peer.checked > peer.server->fail_timeout) peer.checked = now;
  return peers_[chosen];
}

std::size_t ServerGroup::Walk::servers() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(peers_.begin(), peers_.end(), [](const auto& peer) { return !peer->server->down; }));
}

std::shared_ptr<Peer> ServerGroup::Walk::next(Peer::Clock::time_point now) {
  if (auto peer = best(false, now)) return peer;
  return best(true, now);
}

void ServerGroup::Walk::failed(Peer& peer, Peer::Clock::time_point now) {
  if (peers_.size() == 1) return;
  const Server& server = *peer.server;
  ++peer.fails;
  peer.accessed = now;
  peer.checked = now;
  if (server.max_fails == 0) return;
  peer.effective_weight -= static_cast<std::int64_t>(server.weight / server.max_fails);
  peer.effective_weight = std::max<std::int64_t>(peer.effective_weight, 0);
}

void ServerGroup::Walk::succeeded(Peer& peer) {
  if (peer.accessed < peer.checked) peer.fails = 0;
}

}  // namespace caisson::upstream
