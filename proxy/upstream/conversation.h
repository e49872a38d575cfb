// One request and its response on one connection to a backend, the two bodies side by side: each slice goes on before
// the next one is awaited, and no faster than it is taken.
//
// Ownership: borrows exchange and connection. Threading: one loop.
// Errors:    Trouble for what the backend does; http::PeerGone, http::BadMessage, async::TimedOut for what the client
//            does; async::Cancelled.
#pragma once

#include <chrono>

#include "async/loop.h"
#include "http/exchange.h"
#include "http/h1/response_parser.h"
#include "upstream/connection.h"
#include "upstream/facts.h"
#include "upstream/settings.h"

namespace caisson::upstream {

class Conversation {
 public:
  // `next_on`: response statuses (NextOn) that are Trouble instead of a response; 0 when no other server may be asked.
  Conversation(http::Exchange& exchange, const ProxySettings& settings, Connection& connection, Attempt& attempt,
               unsigned next_on);

  // Sends the request under `head`, relays the response. Once.
  async::Task<void> run(std::string_view head);

  // Nothing of a response has come.
  bool unanswered() const noexcept { return !parser_.started(); }
  // After run(): the connection is between two messages.
  bool reusable() const noexcept { return reusable_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool has_body() const noexcept;
  async::Task<void> send_body();
  async::Task<bool> send_slice(std::span<const std::byte> slice);
  async::Task<bool> send_text(std::string_view text);
  void sent_now() noexcept;
  async::Task<void> receive();
  async::Task<http::h1::ParsedResponse> receive_head();
  async::Task<void> relay_body(const http::h1::ParsedResponse& response, http::BodyWriter& to);
  async::Task<void> tunnel(http::BodyWriter& to_client);
  async::Task<void> tunnel_down(http::BodyWriter& to_client);
  async::Task<void> tunnel_up();

  enum class Wait { BeforeBlock, InBlock };
  // Writes a part of the body, no faster than proxy_limit_rate lets it.
  async::Task<void> pass_on(std::string_view data, http::BodyWriter& to, Clock::time_point begun);
  // More bytes from the backend; false at the end. The idle limit counts from the last byte in either direction.
  async::Task<bool> fill(const char* doing, Wait how);
  net::Milliseconds read_limit() const noexcept;
  net::Milliseconds send_limit() const noexcept;
  bool wants_upgrade() const noexcept;

  http::Exchange& exchange_;
  const ProxySettings& settings_;
  Connection& connection_;
  Attempt& attempt_;
  const unsigned next_on_;
  const std::uint64_t sent_before_ = connection_.sent();
  const std::uint64_t received_before_ = connection_.received();
  http::h1::ResponseParser parser_;
  Clock::time_point last_sent_ = async::Loop::current().now();
  bool sending_ = false;  // more of the request is to come
  bool request_whole_ = false;
  bool reusable_ = false;
};

}  // namespace caisson::upstream
