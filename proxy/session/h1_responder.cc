#include "session/h1_responder.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "async/loop.h"
#include "base/text.h"

namespace caisson::session {

namespace {

using Piece = std::span<const std::byte>;

}  // namespace

async::Task<void> H1Responder::put(std::span<const Piece> pieces) {
  for (const Piece& piece : pieces) traffic_->sent += piece.size();
  try {
    co_await transport_.write(pieces, policy_->send_idle);
  } catch (const net::ConnectionLost&) {
    throw http::PeerGone();
  }
}

async::Task<void> H1Responder::inform(const http::ResponseHead& interim) {
  if (request_.version != http::Version::Http11) co_return;
  std::string bytes;
  http::h1::append_response_head(bytes, interim, {});
  const std::array pieces = {Piece(text::bytes_of(bytes))};
  co_await put(pieces);
}

std::string H1Responder::serialise(const http::ResponseHead& head) {
  request_body_.response_began();
  http::h1::ResponseContext context;
  context.version = request_.version;
  context.to_head = request_.to_head;
  // A stop may have begun while the request was served: who is not told so has the next one cut off.
  context.keep_alive = request_.keep_alive && !connections_.draining() &&
                       policy_->keep_alive > net::Milliseconds::zero() &&
                       request_.number < policy_->keep_alive_requests;
  context.keep_alive_header = policy_->keep_alive_header;
  context.chunked_allowed = policy_->chunked_allowed;
  std::string bytes;
  const http::h1::ResponseFraming framing = http::h1::append_response_head(bytes, head, context);
  framing_ = framing.body;
  rest_ = framing.body.bytes;
  keep_alive_ = framing.keep_alive;
  traffic_->kept_alive = framing.keep_alive;
  traffic_->chunked = framing.body.kind == http::BodySize::Kind::Streamed;
  if (head.status == 101) {
    raw_ = true;
    keep_alive_ = false;
    request_body_.become_raw();
  }
  return bytes;
}

async::Task<void> H1Responder::start(http::ResponseHead head) {
  head_ = serialise(head);
  co_return;
}

async::Task<void> H1Responder::flush() {
  if (head_.empty()) co_return;
  const std::string bytes = std::exchange(head_, {});
  const std::array pieces = {Piece(text::bytes_of(bytes))};
  co_await put(pieces);
}

async::Task<void> H1Responder::send(http::ResponseHead head, std::string body_text) {
  head_ = serialise(head);
  count_body(body_text.size());
  co_await put_body(text::bytes_of(body_text));
  finished_ = true;
}

// Sends the head that has not left yet, and body bytes behind it as fast as limit_rate lets them go
// (ngx_http_write_filter).
async::Task<void> H1Responder::put_body(std::span<const std::byte> slice) {
  if (policy_->rate == 0) co_return co_await put_framed(slice);
  while (!slice.empty()) {
    const std::uint64_t portion = co_await await_turn();
    const std::span<const std::byte> now = slice.first(std::min<std::uint64_t>(slice.size(), portion));
    co_await put_framed(now);
    slice = slice.subspan(now.size());
    const std::chrono::milliseconds pause(now.size() * 1000 / policy_->rate);
    if (!slice.empty() && pause > std::chrono::milliseconds::zero()) co_await async::Loop::current().sleep_for(pause);
  }
}

// Waits until the rate allows more; how many bytes it allows.
async::Task<std::uint64_t> H1Responder::await_turn() {
  for (;;) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(async::Loop::current().now() - began_).count() + 1;
    const std::uint64_t allowed = policy_->rate * static_cast<std::uint64_t>(seconds) + policy_->unlimited_bytes;
    if (allowed > traffic_->sent) co_return allowed - traffic_->sent;
    const std::uint64_t over = traffic_->sent - allowed;
    co_await async::Loop::current().sleep_for(std::chrono::milliseconds(over * 1000 / policy_->rate + 1));
  }
}

void H1Responder::count_body(std::size_t bytes) {
  if (framing_.kind == http::BodySize::Kind::Declared) {
    if (bytes > rest_) throw std::logic_error("response body is longer than its Content-Length");
    rest_ -= bytes;
  }
  traffic_->body_sent += bytes;
}

async::Task<void> H1Responder::write(std::span<const std::byte> slice) {
  if (slice.empty()) co_return;
  if (!raw_ && framing_.kind == http::BodySize::Kind::None) co_return;
  count_body(slice.size());
  co_await put_body(slice);
}

async::Task<void> H1Responder::put_framed(std::span<const std::byte> slice) {
  const std::string bytes = std::exchange(head_, {});
  if (!raw_ && framing_.kind == http::BodySize::Kind::Streamed) {
    const http::h1::ChunkHead chunk(slice.size());
    const std::array pieces = {Piece(text::bytes_of(bytes)), Piece(text::bytes_of(chunk.view())), Piece(slice),
                               Piece(text::bytes_of(http::h1::chunk_end))};
    co_await put(pieces);
  } else {
    const std::array pieces = {Piece(text::bytes_of(bytes)), Piece(slice)};
    co_await put(pieces);
  }
}

async::Task<void> H1Responder::finish() {
  if (framing_.kind == http::BodySize::Kind::Declared && rest_ != 0) {
    throw std::logic_error("response body is shorter than its Content-Length");
  }
  std::string bytes = std::exchange(head_, {});
  if (framing_.kind == http::BodySize::Kind::Streamed) bytes += http::h1::last_chunk;
  if (!bytes.empty()) {
    const std::array pieces = {Piece(text::bytes_of(bytes))};
    co_await put(pieces);
  }
  finished_ = true;
}

}  // namespace caisson::session
