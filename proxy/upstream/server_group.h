// The servers of one upstream, and one request's walk over them. Names are looked up again and again, so a container
// that comes back under another address is found, and one that is not there yet does not keep the program from
// starting.
//
// Ownership: a ServerGroup is shared by the handlers that use it; Peers are shared with the walks under way.
// Threading: from any loop. All loops share the state of the peers, under a mutex that nobody holds across a wait.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/per_loop.h"
#include "async/pool.h"
#include "net/resolver.h"
#include "upstream/balancer.h"
#include "upstream/keep_alive.h"
#include "upstream/peer.h"

namespace caisson::upstream {

// Looks up names for all upstreams of a configuration, with one cache a loop.
class NameService {
 public:
  // Without a pool (a configuration that is only checked) nothing may be looked up.
  explicit NameService(async::BlockingPool* pool) : pool_(pool) {}
  net::Resolver& here();

 private:
  struct Slot {
    std::optional<net::Resolver> resolver;
  };
  async::BlockingPool* pool_;
  async::PerLoop<Slot> slots_;
};

class ServerGroup {
 public:
  using Servers = std::vector<std::shared_ptr<const Server>>;

  // `balancer`: null for round robin.
  ServerGroup(std::string group_name, Servers members, std::shared_ptr<const Balancer> balancer, KeepAlive settings,
              std::shared_ptr<NameService> resolvers);

  const std::string& name() const noexcept { return name_; }
  const KeepAlive& keep_alive() const noexcept { return keep_alive_; }

  // One request's walk over the servers. Lives as long as the call; the group outlives it.
  class Walk {
   public:
    Walk(Walk&&) noexcept;
    ~Walk();

    // How the last peer did.
    enum class Verdict : unsigned char {
      Answered,
      Failed,
      Refused,  // it answered, but another is to be asked (403, 404): no failure
    };
    // The peer to be tried next, which then has one request more under way, or null: there is none, or as many were
    // tried as may be. Each is offered once. REQUIRES: leave() since the last one.
    std::shared_ptr<Peer> next();
    // True when the peer counts as failing from now on. REQUIRES: next() gave one.
    bool leave(Verdict verdict);

    // How many more peers may be tried: 0 makes what the last one says final.
    std::size_t tries_left() const noexcept { return tries_left_; }
    void limit_tries(std::size_t most) noexcept;
    // No server has an address.
    bool nobody() const noexcept;
    // Why servers have no address, in nginx's words; for the log.
    const std::vector<std::string>& problems() const noexcept { return problems_; }

   private:
    friend class ServerGroup;
    struct Lists;
    Walk(ServerGroup& group, std::shared_ptr<const Lists> lists, std::unique_ptr<Balancer::Choice> choice);
    std::optional<std::size_t> choose(Peer::Clock::time_point now);

    ServerGroup* group_;
    std::shared_ptr<const Lists> lists_;
    std::unique_ptr<Balancer::Choice> choice_;
    bool among_backups_ = false;
    std::vector<bool> tried_;
    std::shared_ptr<Peer> current_;
    std::size_t tries_left_ = 0;
    std::vector<std::string> problems_;
  };

  // Looks names up when it must. Throws async::Cancelled.
  async::Task<Walk> walk(rules::RequestState& state);
  // A server did not answer: its name, if it has one, is looked up anew for the next request.
  void doubt(const Peer& peer);

 private:
  // What is known of one server.
  struct Known {
    net::Addresses addresses;
    std::chrono::steady_clock::time_point since;  // of several loops' answers the newest counts
    Peers peers;
  };
  void learn(std::size_t server, net::Resolver::Answer answer);
  void list_peers();

  const std::string name_;
  const Servers servers_;
  const std::shared_ptr<const Balancer> balancer_;
  const KeepAlive keep_alive_;
  const std::shared_ptr<NameService> names_;

  std::mutex mutex_;
  std::vector<Known> known_;                  // as servers_
  std::shared_ptr<const Walk::Lists> lists_;  // all peers that are known; replaced, never changed
};

}  // namespace caisson::upstream
