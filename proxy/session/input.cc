#include "session/input.h"

#include "base/text.h"
#include "http/body.h"

namespace caisson::session {

async::Task<bool> Input::fill(net::Milliseconds idle) {
  if (!block_) block_ = async::Block::take();
  try {
    const std::size_t got = co_await transport_.read(block_->whole(), idle);
    received_ += got;
    unread_ = text::view_of(std::span(block_->data(), got));
    co_return got != 0;
  } catch (const net::ConnectionLost&) {
    throw http::PeerGone();
  }
}

async::Task<void> Input::wait(net::Milliseconds idle) {
  if (!unread_.empty()) co_return;
  release();
  try {
    co_await transport_.wait_readable(idle);
  } catch (const net::ConnectionLost&) {
    throw http::PeerGone();
  }
}

}  // namespace caisson::session
