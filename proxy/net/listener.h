// Listening sockets, and the loop that takes connections from them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "async/loop.h"
#include "base/handle.h"
#include "base/result.h"
#include "net/address.h"
#include "observe/error_log.h"

namespace caisson::net {

struct ListenOptions {
  int backlog = 511;      // nginx's on Linux
  bool ipv6_only = true;  // a [::] socket takes no IPv4 connections
  bool reuse_port = false;
  std::optional<int> receive_buffer;  // SO_RCVBUF, bytes
  std::optional<int> send_buffer;     // SO_SNDBUF, bytes
  std::optional<int> fast_open;       // TCP_FASTOPEN: how many connections may wait half open
  bool deferred = false;              // TCP_DEFER_ACCEPT: accept when the first bytes are there
  // TCP keep-alive for what is accepted, so that dead peers are noticed behind middle boxes; with times of its own.
  bool keepalive = true;
  std::optional<std::chrono::seconds> keepalive_idle;
  std::optional<std::chrono::seconds> keepalive_interval;
  std::optional<int> keepalive_probes;
};

// A bound, listening, non-blocking socket that exec closes; accepted sockets inherit TCP_NODELAY and keep-alive from
// it. The error is nginx's: "bind() to 0.0.0.0:443 failed (98: Address already in use)".
Result<Fd> open_listener(const Address& address, const ListenOptions& options);

// Takes connections from one listening socket for as long as run() runs.
//
// When the process has no descriptors left, a spare one is given up to accept and close what waits: the peers learn at
// once, and the listening socket does not keep the loop busy. Accepting goes on as soon as descriptors are free.
//
// One acceptor serves all loops: whoever takes the sockets deals them out in turn (Loop::post). Connections are
// long-lived (keep-alive, large blobs), so an equal share of them is what balances; and no loop is woken in vain, as
// all would be if they shared the socket in libevent's epoll, which lacks EPOLLEXCLUSIVE.
//
// Ownership: borrows the listening descriptor. Threading: one loop.
class Acceptor {
 public:
  // Takes a connected, non-blocking socket. Must not throw.
  using Take = std::function<void(Fd socket, const Address& peer)>;

  // Trouble is logged, at most once a second: "accept4() failed (24: Too many open files)".
  Acceptor(async::Loop& loop, int listener, Take take, observe::ErrorLog log);

  // Ends only by async::Cancelled: spawn it under a scope, cancel that to stop accepting.
  async::Task<void> run();

 private:
  enum class Outcome : unsigned char { Taken, Empty, Rest };
  Outcome accept_one();
  Outcome shed_one(int why);
  void complain(observe::Level level, int error_number);

  async::Loop& loop_;
  int listener_;
  Take take_;
  observe::ErrorLog log_;
  Fd spare_;
  std::chrono::steady_clock::time_point complained_;
};

}  // namespace caisson::net
