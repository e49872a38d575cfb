#include "upstream/server_group.h"

#include <algorithm>

namespace caisson::upstream {

struct ServerGroup::Walk::Lists {
  Peers primary;
  Peers backup;

  bool only() const noexcept { return primary.size() == 1 && backup.empty(); }
};

net::Resolver& NameService::here() {
  Slot& slot = slots_.get();
  if (!slot.resolver) slot.resolver.emplace(async::Loop::current(), *pool_);
  return *slot.resolver;
}

ServerGroup::ServerGroup(std::string group_name, Servers members, std::shared_ptr<const Balancer> balancer,
                         KeepAlive settings, std::shared_ptr<NameService> resolvers)
    : name_(std::move(group_name)),
      servers_(std::move(members)),
      balancer_(balancer ? std::move(balancer) : round_robin()),
      keep_alive_(settings),
      names_(std::move(resolvers)),
      known_(servers_.size()) {
  list_peers();
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (const auto numeric = servers_[i]->at.numeric()) learn(i, {{*numeric}, std::chrono::steady_clock::now()});
  }
}

async::Task<ServerGroup::Walk> ServerGroup::walk(rules::RequestState& state) {
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const net::Endpoint& at = servers_[i]->at;
    if (at.numeric()) continue;
    Result<net::Resolver::Answer> found = co_await names_->here().resolve(at.host, at.port);
    if (found.ok()) {
      learn(i, std::move(found).value());
    } else {
      problems.push_back(at.host + " could not be resolved (" + found.error().what + ')');
    }
  }
  const std::lock_guard lock(mutex_);
  Walk made(*this, lists_, balancer_->choice(state));
  made.problems_ = std::move(problems);
  co_return made;
}

void ServerGroup::learn(std::size_t server, net::Resolver::Answer answer) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[server];
  if (answer.since <= known.since) return;
  known.since = answer.since;
  if (known.addresses == answer.addresses) return;
  Peers peers;
  for (const net::Address& address : answer.addresses) {
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
    peer->server = servers_[server];
    peer->effective_weight = static_cast<std::int64_t>(peer->server->weight);
    peers.push_back(std::move(peer));
  }
  known.addresses = std::move(answer.addresses);
  known.peers = std::move(peers);
  list_peers();
}

void ServerGroup::list_peers() {
  auto lists = std::make_shared<Walk::Lists>();
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    Peers& list = servers_[i]->backup ? lists->backup : lists->primary;
    list.insert(list.end(), known_[i].peers.begin(), known_[i].peers.end());
  }
  lists_ = std::move(lists);
}

void ServerGroup::doubt(const Peer& peer) {
  const net::Endpoint& at = peer.server->at;
  if (!at.numeric()) names_->here().expire(at.host);
}

ServerGroup::Walk::Walk(ServerGroup& group, std::shared_ptr<const Lists> lists,
                        std::unique_ptr<Balancer::Choice> choice)
    : group_(&group), lists_(std::move(lists)), choice_(std::move(choice)), tried_(lists_->primary.size()) {
  const auto up = [](const std::shared_ptr<Peer>& peer) { return !peer->server->down; };
  tries_left_ = static_cast<std::size_t>(std::count_if(lists_->primary.begin(), lists_->primary.end(), up) +
                                         std::count_if(lists_->backup.begin(), lists_->backup.end(), up));
}

ServerGroup::Walk::Walk(Walk&&) noexcept = default;

ServerGroup::Walk::~Walk() {
  if (current_) leave(Verdict::Answered);
}

void ServerGroup::Walk::limit_tries(std::size_t most) noexcept {
  if (most != 0) tries_left_ = std::min(tries_left_, most);
}

bool ServerGroup::Walk::nobody() const noexcept { return lists_->primary.empty() && lists_->backup.empty(); }

std::optional<std::size_t> ServerGroup::Walk::choose(Peer::Clock::time_point now) {
  if (!among_backups_) {
    if (auto found = choice_->next(Candidates(lists_->primary, tried_, lists_->only(), now))) return found;
    if (lists_->backup.empty()) return std::nullopt;
    among_backups_ = true;
    tried_.assign(lists_->backup.size(), false);
  }
  return choice_->next(Candidates(lists_->backup, tried_, false, now));
}

std::shared_ptr<Peer> ServerGroup::Walk::next() {
  const std::lock_guard lock(group_->mutex_);
  const auto now = Peer::Clock::now();
  const std::optional<std::size_t> chosen = choose(now);
  if (!chosen) return nullptr;
  tried_[*chosen] = true;
  current_ = (among_backups_ ? lists_->backup : lists_->primary)[*chosen];
  if (now - current_->checked > current_->server->fail_timeout) current_->checked = now;
  ++current_->active;
  if (tries_left_ > 0) --tries_left_;
  return current_;
}

// ngx_http_upstream_free_round_robin_peer
bool ServerGroup::Walk::leave(Verdict verdict) {
  const std::shared_ptr<Peer> peer = std::exchange(current_, nullptr);
  const Server& server = *peer->server;
  const std::lock_guard lock(group_->mutex_);
  --peer->active;
  if (lists_->only()) {
    tries_left_ = 0;
    return false;
  }
  if (verdict != Verdict::Failed) {
    if (peer->accessed < peer->checked) peer->fails = 0;
    return false;
  }
  ++peer->fails;
  peer->accessed = peer->checked = Peer::Clock::now();
  if (server.max_fails == 0) return false;
  peer->effective_weight -= static_cast<std::int64_t>(server.weight / server.max_fails);
  peer->effective_weight = std::max<std::int64_t>(peer->effective_weight, 0);
  return peer->fails >= server.max_fails;
}

}  // namespace caisson::upstream
