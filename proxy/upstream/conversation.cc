#include "upstream/conversation.h"

#include <algorithm>
#include <array>
#include <limits>

#include "async/join.h"
#include "base/text.h"
#include "http/h1/body_decoder.h"
#include "http/h1/serializer.h"
#include "upstream/trouble.h"

namespace caisson::upstream {

namespace {

constexpr net::Milliseconds default_idle{60'000};
// Registries send long tokens and links; nginx's 4 KiB default is the cause of many a 502.
constexpr std::size_t least_head_limit = 64 * 1024;

constexpr const char* sending_request = "sending request to upstream";
constexpr const char* reading_head = "reading response header from upstream";
constexpr const char* reading_body = "reading upstream";
constexpr const char* upgraded = "proxying upgraded connection";

net::Milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<net::Milliseconds>(async::Loop::current().now() - start);
}

}  // namespace

Conversation::Conversation(http::Exchange& exchange, const ProxySettings& settings, Connection& connection,
                           Attempt& attempt, unsigned next_on)
    : exchange_(exchange),
      settings_(settings),
      connection_(connection),
      attempt_(attempt),
      next_on_(next_on),
      parser_(std::max<std::size_t>(settings.buffer_size.value_or(0), least_head_limit)) {}

net::Milliseconds Conversation::read_limit() const noexcept { return settings_.read_timeout.value_or(default_idle); }
net::Milliseconds Conversation::send_limit() const noexcept { return settings_.send_timeout.value_or(default_idle); }

bool Conversation::has_body() const noexcept {
  const http::BodySize size = exchange_.body().size();
  return size.kind == http::BodySize::Kind::Streamed || (size.kind == http::BodySize::Kind::Declared && size.bytes > 0);
}

bool Conversation::wants_upgrade() const noexcept {
  const http::Headers& headers = exchange_.request().headers;
  return headers.has("Upgrade") && headers.lists("Connection", "upgrade");
}

async::Task<void> Conversation::run(std::string_view head) {
  ++connection_.requests;
  parser_.begin(exchange_.request().method == "HEAD");
  sending_ = has_body();
  request_whole_ = !sending_;
  const bool sent = co_await send_text(head);
  // A backend that has no patience may have answered before it closed.
  if (!sent) sending_ = request_whole_ = false;
  if (!sending_) {
    co_await receive();
  } else {
    // send_body() never returns: the response decides when the conversation is over.
    co_await async::any(receive(), send_body());
  }
}

// False when the backend takes no more. It may have answered early; receive() finds out.
async::Task<bool> Conversation::send_text(std::string_view text) {
  try {
    co_await connection_.write(text, send_limit());
  } catch (const net::ConnectionLost&) {
    co_return false;
  } catch (const async::TimedOut&) {
    throw timed_out(sending_request);
  }
  sent_now();
  co_return true;
}

async::Task<bool> Conversation::send_slice(std::span<const std::byte> slice) {
  const bool chunked = exchange_.body().size().kind == http::BodySize::Kind::Streamed;
  const http::h1::ChunkHead chunk_head(slice.size());
  const std::array pieces{text::bytes_of(chunk_head.view()), slice, text::bytes_of(http::h1::chunk_end)};
  const std::span<const std::span<const std::byte>> whole(pieces);
  try {
    co_await connection_.write(chunked ? whole : whole.subspan(1, 1), send_limit());
  } catch (const net::ConnectionLost&) {
    co_return false;
  } catch (const async::TimedOut&) {
    throw timed_out(sending_request);
  }
  sent_now();
  co_return true;
}

void Conversation::sent_now() noexcept {
  last_sent_ = async::Loop::current().now();
  attempt_.sent = connection_.sent() - sent_before_;
}

async::Task<void> Conversation::send_body() {
  attempt_.body_begun = true;
  const http::BodySize size = exchange_.body().size();
  std::uint64_t sent = 0;
  bool taken = true;
  for (;;) {
    const std::span<const std::byte> slice = co_await exchange_.body().read();
    // What is behind the declared end would be the next request to the backend, what is missing would be taken from it.
    sent += slice.size();
    const bool declared = size.kind == http::BodySize::Kind::Declared;
    if (declared && (sent > size.bytes || (slice.empty() && sent < size.bytes))) {
      throw http::BadMessage(400, "the request body has not the length that was declared");
    }
    if (slice.empty()) break;
    taken = co_await send_slice(slice);
    if (!taken) break;
  }
  if (taken && size.kind == http::BodySize::Kind::Streamed) {
    taken = co_await send_text(http::h1::last_chunk);
  }
  request_whole_ = taken;
  sending_ = false;
  last_sent_ = async::Loop::current().now();
  async::Signal never;
  co_await never.wait();
}

async::Task<bool> Conversation::fill(const char* doing, Wait how) {
  const auto started = async::Loop::current().now();
  for (;;) {
    // While the client is still sending, it is the client who is slow; its own deadline watches over it.
    const net::Milliseconds quiet = sending_ ? net::Milliseconds(0) : std::min(since(last_sent_), since(started));
    if (quiet >= read_limit()) throw timed_out(doing);
    const net::Milliseconds limit = read_limit() - quiet;
    try {
      if (how == Wait::BeforeBlock) co_await connection_.wait_readable(limit);
      const bool more = co_await connection_.fill(limit);
      attempt_.received = connection_.received() - received_before_;
      co_return more;
    } catch (const net::ConnectionLost& lost) {
      throw broken(lost.what(), doing);
    } catch (const async::TimedOut&) {  // perhaps something was sent meanwhile
    }
  }
}

async::Task<http::h1::ParsedResponse> Conversation::receive_head() {
  for (;;) {
    if (connection_.unread().empty() && !co_await fill(reading_head, Wait::BeforeBlock)) {
      throw broken("upstream prematurely closed connection", reading_head);
    }
    const http::h1::Progress progress = parser_.feed(connection_.unread());
    connection_.consume(progress.consumed);
    if (progress.state == http::h1::State::Refused) throw invalid(parser_.refusal().log, reading_head);
    if (progress.state == http::h1::State::NeedMore) continue;
    http::h1::ParsedResponse response = parser_.take();
    // 100 was the session's to say; others are dropped, as nginx drops them.
    if (!response.interim()) co_return response;
  }
}

async::Task<void> Conversation::receive() {
  http::h1::ParsedResponse response = co_await receive_head();
  const unsigned status = response.head.status;
  attempt_.head = attempt_.age();
  const bool upgrade = status == 101;
  if (upgrade && (!wants_upgrade() || has_body() || !exchange_.can_upgrade())) {
    throw invalid("upstream sent unexpected status code 101", reading_head);
  }
  if (const unsigned bit = next_on_status(status) & next_on_; bit != 0) {
    attempt_.status = status;
    throw Trouble(static_cast<NextOn>(bit), status, "upstream answered " + std::to_string(status));
  }
  attempt_.status = status;
  http::ResponseHead head = std::move(response.head);
  for (const char* name : {"Proxy-Connection", "Trailer"}) head.headers.remove(name);
  if (!upgrade) head.headers.remove("Upgrade");
  http::BodyWriter* to = co_await exchange_.respond_head(std::move(head));
  if (upgrade) {
    co_await tunnel(*to);
  } else {
    co_await relay_body(response, *to);
    reusable_ = response.keep_alive && request_whole_ && connection_.clean();
  }
  attempt_.ended = attempt_.age();
  co_await to->finish();
}

async::Task<void> Conversation::relay_body(const http::h1::ParsedResponse& response, http::BodyWriter& to) {
  http::h1::BodyDecoder decoder(response.body);
  const auto begun = async::Loop::current().now();
  while (!decoder.done()) {
    if (connection_.unread().empty()) {
      co_await to.flush();
      if (!co_await fill(reading_body, Wait::InBlock)) {
        if (decoder.end_of_input()) break;
        throw broken("upstream prematurely closed connection", reading_body);
      }
    }
    const http::h1::BodyDecoder::Step step = decoder.next(connection_.unread());
    if (step.state == http::h1::BodyDecoder::State::Broken) {
      throw broken("upstream sent invalid chunked response", reading_body);
    }
    if (!step.data.empty()) co_await pass_on(step.data, to, begun);
    connection_.consume(step.consumed);
  }
}

// ngx_event_pipe_read_upstream: so many bytes a second, and those of one second ahead.
async::Task<void> Conversation::pass_on(std::string_view data, http::BodyWriter& to, Clock::time_point begun) {
  const std::uint64_t rate = settings_.buffering.value_or(true) ? settings_.limit_rate.value_or(0) : 0;
  while (!data.empty()) {
    const std::int64_t elapsed = since(begun).count();
    const std::int64_t next_second = elapsed / 1000 + 1;
    const std::uint64_t allowed = rate * static_cast<std::uint64_t>(next_second);
    if (rate != 0 && attempt_.body >= allowed) {
      co_await to.flush();
      co_await async::Loop::current().sleep_for(net::Milliseconds(next_second * 1000 - elapsed));
      continue;
    }
    const std::string_view piece = data.substr(0, rate == 0 ? data.size() : allowed - attempt_.body);
    attempt_.body += piece.size();
    co_await to.write(text::bytes_of(piece));
    data.remove_prefix(piece.size());
  }
}

async::Task<void> Conversation::tunnel(http::BodyWriter& to_client) {
  co_await to_client.flush();
  last_sent_ = async::Loop::current().now();
  co_await async::any(tunnel_down(to_client), tunnel_up());
}

// g++ 12 at -O2 compiles an endless loop left by `if (!co_await ...) co_return;` into a trap; these loops have an end.
async::Task<void> Conversation::tunnel_down(http::BodyWriter& to_client) {
  bool more = true;
  while (more) {
    if (!connection_.unread().empty()) {
      co_await to_client.write(text::bytes_of(connection_.unread()));
      connection_.consume(connection_.unread().size());
    }
    co_await to_client.flush();
    more = co_await fill(upgraded, Wait::BeforeBlock);
  }
}

async::Task<void> Conversation::tunnel_up() {
  bool more = true;
  while (more) {
    const std::span<const std::byte> slice = co_await exchange_.body().read();
    more = !slice.empty();
    if (more) more = co_await send_text(text::view_of(slice));
  }
}

}  // namespace caisson::upstream
