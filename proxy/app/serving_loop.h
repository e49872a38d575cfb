// One loop that serves connections, on a thread of its own; and what all of them share.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "app/tls_hosts.h"
#include "async/loop.h"
#include "gateway/gateway.h"
#include "net/address.h"
#include "observe/connection_counts.h"
#include "observe/connection_slots.h"
#include "observe/error_log.h"
#include "session/client.h"
#include "tls/transport.h"

namespace caisson::app {

// What all loops share, read-only but for the counters.
struct Shared {
  const rules::Settings& settings;
  gateway::Gateway gate;
  std::vector<session::ClientOptions> client_options;  // by endpoint
  TlsShared tls;
  std::atomic<std::uint64_t> next_connection{1};
  observe::ConnectionCounts& connections;
  observe::ConnectionSlots& slots;

  Shared(const rules::Settings& s, observe::ConnectionCounts& c, observe::ConnectionSlots& room);

  // As make_tls_hosts() takes them; the settings outlive all loops.
  std::shared_ptr<const gateway::VirtualHosts> hosts() const { return {std::shared_ptr<void>(), &gate.hosts()}; }
};

// A client that was let in.
struct Accepted {
  std::size_t endpoint;  // an index into the virtual hosts' endpoints
  Fd socket;
  net::Address peer;
  observe::ConnectionSlots::Slot slot;
};

// Threading: its public members may be called from any thread.
class ServingLoop {
 public:
  explicit ServingLoop(Shared& shared);
  ~ServingLoop() { join(); }
  ServingLoop(const ServingLoop&) = delete;
  ServingLoop& operator=(const ServingLoop&) = delete;

  void serve(Accepted client);
  // Ends a connection that waits for a request, the oldest, so that its place becomes free.
  void close_one_idle();
  // New connections get the certificates of these hosts.
  void renew_tls(std::shared_ptr<const gateway::VirtualHosts> hosts);
  void quit();
  void stop();
  void join();

 private:
  void post(std::function<void()> work);
  void run(std::promise<async::Loop*>& made);
  void report(const std::exception_ptr& error) const;
  http::ConnectionInfo describe(std::size_t listener, int fd, const net::Address& peer) const;
  async::Task<void> serve_connection(Accepted client);
  async::Task<void> serve_plain(std::size_t index, Fd socket, http::ConnectionInfo info,
                                observe::CountedConnection& counted, unsigned refused);
  async::Task<void> serve_encrypted(std::size_t index, Fd socket, http::ConnectionInfo info,
                                    observe::CountedConnection& counted);
  async::Task<tls::Opening> opening_of(int fd, net::Milliseconds limit);
  async::Task<bool> shake_hands(tls::TlsTransport& transport, net::Milliseconds limit);
  void log_connection(std::size_t endpoint, const http::ConnectionInfo& info, observe::Level level,
                      std::string_view what, std::string_view doing) const;

  Shared& shared_;
  observe::LoopCounts& counts_;
  std::mutex loop_mutex_;
  async::Loop* loop_ = nullptr;  // null again when it has ended
  session::IdleConnections idle_;
  std::vector<std::shared_ptr<const tls::ServerHosts>> tls_;  // by endpoint
  std::thread thread_;
};

}  // namespace caisson::app
