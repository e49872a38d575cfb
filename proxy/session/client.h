// One client connection over HTTP/1: reads requests, hands each as an exchange to the handler, keeps the connection or
// closes it. Read run() from top to bottom.
//
// Ownership: owns the transport. Threading: one loop, for life.
// Errors: none come out but async::Cancelled; whatever ends a connection ends it alone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/h1/request_parser.h"
#include "http/handler.h"
#include "net/transport.h"
#include "observe/connection_counts.h"
#include "session/idle_connections.h"
#include "session/input.h"

namespace caisson::session {

struct ClientOptions {
  http::h1::RequestOptions parser;
  net::Milliseconds header_timeout{60'000};  // client_header_timeout: for a whole head
};

class Client {
 public:
  // `handler`, `idle`, `counted` and `options` outlive the client.
  Client(std::unique_ptr<net::Transport> transport, http::ConnectionInfo info, http::Handler& handler,
         IdleConnections& idle, observe::CountedConnection& counted, const ClientOptions& options);

  // The first request is to be answered with this status whatever it says: plain HTTP on a TLS port.
  void refuse(unsigned status, std::string why);

  async::Task<void> run();

 private:
  enum class Next { Request, Finish, Linger, Close };

  async::Task<bool> wait_for_request();
  async::Task<bool> read_head();
  async::Task<Next> serve_request();
  async::Task<Next> settle(class H1Body& body, const class H1Responder& responder);
  async::Task<void> finish(bool lingering);

  // How the connection ends after the last exchange.
  struct LingerLimits {
    http::ConnectionPolicy::Linger when = http::ConnectionPolicy::Linger::WhenSending;
    net::Milliseconds in_all{};
    net::Milliseconds idle{};
  };
  static LingerLimits linger_of(const http::ConnectionPolicy& policy) {
    return {policy.linger, policy.linger_in_all, policy.linger_idle};
  }

  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  http::Handler& handler_;
  IdleConnections& idle_;
  observe::CountedConnection& counted_;
  const ClientOptions& options_;
  Input input_;
  http::h1::RequestParser parser_;
  net::Milliseconds wait_limit_;  // for the next request
  LingerLimits linger_;
  unsigned refused_ = 0;
  std::string refusal_;
  std::uint64_t head_began_ = 0;  // received() when this request began
};

}  // namespace caisson::session
