// The servers of one upstream and whose turn it is: weighted round robin with passive health checks, as nginx's
// (ngx_http_upstream_round_robin.c). Names are looked up again and again, so a container that comes back under another
// address is found, and one that is not there yet does not keep the program from starting.
//
// Ownership: a ServerGroup is shared by the handlers that use it; Peers are shared with the calls under way.
// Threading: settings are read-only after loading; all that changes is kept per loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/per_loop.h"
#include "async/pool.h"
#include "net/address.h"
#include "net/resolver.h"

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

// One `server` line.
struct Server {
  net::Endpoint at;
  std::uint64_t weight = 1;
  std::uint64_t max_fails = 1;
  std::chrono::seconds fail_timeout{10};
  std::uint64_t max_connections = 0;  // a loop's; 0: no limit
  bool backup = false;
  bool down = false;
};

// keepalive and its like.
struct KeepAlive {
  std::uint64_t idle_connections = 32;  // a loop's
  std::chrono::milliseconds timeout{60'000};
  std::chrono::milliseconds lifetime{3'600'000};
  std::uint64_t requests = 1000;
};

// One address of a server, as one loop sees it.
struct Peer {
  using Clock = std::chrono::steady_clock;

  net::Address address;
  std::string text;  // $upstream_addr
  const Server* server = nullptr;
  std::int64_t current_weight = 0;
  std::int64_t effective_weight = 1;
  std::uint64_t fails = 0;
  std::uint64_t active = 0;    // requests under way
  Clock::time_point accessed;  // of the last failure
  Clock::time_point checked;
};

class ServerGroup {
 public:
  ServerGroup(std::string group_name, std::vector<Server> members, KeepAlive settings,
              std::shared_ptr<NameService> resolvers);

  const std::string& name() const noexcept { return name_; }
  const KeepAlive& keep_alive() const noexcept { return keep_alive_; }

  // One request's walk over the servers. Lives as long as the call.
  class Walk {
   public:
    // The next server that may be tried, or null. Each is offered once.
    std::shared_ptr<Peer> next(Peer::Clock::time_point now);
    void failed(Peer& peer, Peer::Clock::time_point now);
    void succeeded(Peer& peer);
    // Why a server has no address, in nginx's words; for the log.
    const std::vector<std::string>& problems() const noexcept { return problems_; }
    // How many may be tried at most.
    std::size_t servers() const noexcept;

   private:
    friend class ServerGroup;
    std::shared_ptr<Peer> best(bool backup, Peer::Clock::time_point now);
    bool usable(const Peer& peer, Peer::Clock::time_point now) const;

    std::vector<std::shared_ptr<Peer>> peers_;
    std::vector<bool> tried_;
    std::vector<std::string> problems_;
  };

  // Looks names up when it must. Throws async::Cancelled, async::Busy.
  async::Task<Walk> walk();
  // A server did not answer: its name, if it has one, is looked up anew for the next request.
  void doubt(const Peer& peer);

 private:
  // What a loop knows of one server.
  struct Known {
    net::Addresses addresses;
    std::vector<std::shared_ptr<Peer>> peers;
  };
  struct PerLoopState {
    std::vector<Known> servers;
  };
  void learn(Known& known, const Server& server, net::Addresses addresses) const;

  const std::string name_;
  const std::vector<Server> servers_;
  const KeepAlive keep_alive_;
  const std::shared_ptr<NameService> names_;
  async::PerLoop<PerLoopState> state_;
};

}  // namespace caisson::upstream
