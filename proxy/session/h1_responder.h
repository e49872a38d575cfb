// A response as it goes out over HTTP/1.
//
// Ownership: borrows the transport and the exchange's parts, which outlive it. Threading: one loop.
// Errors: http::PeerGone, async::TimedOut, async::Cancelled.
#pragma once

#include <string>

#include "async/loop.h"
#include "http/exchange.h"
#include "http/h1/serializer.h"
#include "net/transport.h"
#include "session/h1_body.h"
#include "session/idle_connections.h"

namespace caisson::session {

class H1Responder final : public http::Responder, private http::BodyWriter {
 public:
  struct Request {
    http::Version version;
    bool to_head;          // its method is HEAD
    bool keep_alive;       // client and connection would go on
    std::uint64_t number;  // how many requests this connection has had, with this one
    bool upgradable;       // it asks for another protocol and has no body
  };
  H1Responder(net::Transport& transport, H1Body& body, const IdleConnections& connections, const Request& request)
      : transport_(transport), request_body_(body), connections_(connections), request_(request) {}
  // The exchange's limits and counters; set before the handler runs.
  void follow(const http::ConnectionPolicy& policy, http::Traffic& traffic) noexcept {
    policy_ = &policy;
    traffic_ = &traffic;
  }

  async::Task<void> inform(const http::ResponseHead& interim) override;
  async::Task<void> start(http::ResponseHead head) override;
  async::Task<void> send(http::ResponseHead head, std::string body) override;
  http::BodyWriter& body() override { return *this; }
  bool can_upgrade() const noexcept override { return request_.upgradable; }

  bool finished() const noexcept { return finished_; }       // the response left whole
  bool keeps_alive() const noexcept { return keep_alive_; }  // what the client was told
  // The client can tell by itself where the body ends; without that, a closed connection would look like the end.
  bool end_is_marked() const noexcept { return framing_.kind != http::BodySize::Kind::UntilClose; }

 private:
  async::Task<void> write(std::span<const std::byte> slice) override;
  async::Task<void> flush() override;
  async::Task<void> finish() override;

  std::string serialise(const http::ResponseHead& head);
  async::Task<void> put_body(std::span<const std::byte> slice);
  async::Task<void> put_framed(std::span<const std::byte> slice);
  async::Task<std::uint64_t> await_turn();
  async::Task<void> put(std::span<const std::span<const std::byte>> pieces);
  void count_body(std::size_t bytes);

  net::Transport& transport_;
  H1Body& request_body_;
  const IdleConnections& connections_;
  Request request_;
  const http::ConnectionPolicy* policy_ = nullptr;
  http::Traffic* traffic_ = nullptr;
  std::string head_;  // that has not left yet
  http::BodySize framing_;
  std::chrono::steady_clock::time_point began_ = async::Loop::current().now();
  std::uint64_t rest_ = 0;  // of a declared body
  bool raw_ = false;        // after a 101
  bool keep_alive_ = false;
  bool finished_ = false;
};

}  // namespace caisson::session
