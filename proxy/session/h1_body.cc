#include "session/h1_body.h"

#include <utility>

#include "async/loop.h"
#include "base/text.h"

namespace caisson::session {

namespace {

constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

net::Milliseconds H1Body::idle() const noexcept {
  return policy_ != nullptr ? policy_->body_idle : http::ConnectionPolicy{}.body_idle;
}

// ngx_http_test_expect: said also when the body is coming already, or is empty.
async::Task<void> H1Body::invite() {
  const bool wanted = std::exchange(expects_continue_, false);
  if (!wanted) co_return;
  try {
    co_await transport_.write(text::bytes_of(continue_head), idle());
  } catch (const net::ConnectionLost&) {
    throw http::PeerGone();
  }
}

// ngx_http_discard_request_body
async::Task<bool> H1Body::discard(bool inviting) {
  if (inviting) co_await invite();
  expects_continue_ = false;
  while (!decoder_.done() && !input_.empty()) {
    const http::h1::BodyDecoder::Step step = decoder_.next(input_.unread());
    input_.consume(step.consumed);
    if (step.state == http::h1::BodyDecoder::State::Broken) co_return false;
  }
  if (decoder_.done()) ended();
  co_return true;
}

async::Task<std::span<const std::byte>> H1Body::read() {
  co_await invite();
  while (!decoder_.done()) {
    if (input_.empty()) {
      const bool more = co_await input_.fill(raw_ ? async::no_timeout : idle());
      if (!more) {
        if (!decoder_.end_of_input()) throw http::PeerGone();
        break;
      }
    }
    const http::h1::BodyDecoder::Step step = decoder_.next(input_.unread());
    input_.consume(step.consumed);
    if (step.state == http::h1::BodyDecoder::State::Broken) {
      throw http::BadMessage(400, "client sent invalid chunked body");
    }
    if (!step.data.empty()) {
      if (decoder_.done()) ended();
      co_return text::bytes_of(step.data);
    }
  }
  ended();
  co_return std::span<const std::byte>();
}

void H1Body::cancel_when_abandoned(async::CancelScope& scope) {
  abandoned_ = &scope;
  if (decoder_.done()) ended();
}

void H1Body::ended() {
  if (abandoned_ != nullptr && !raw_) transport_.cancel_when_closed(abandoned_);
}

void H1Body::become_raw() noexcept {
  raw_ = true;
  decoder_ = http::h1::BodyDecoder(http::BodySize::until_close());
  transport_.cancel_when_closed(nullptr);  // the handler reads what is the end now
}

}  // namespace caisson::session
