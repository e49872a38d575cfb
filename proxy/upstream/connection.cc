#include "upstream/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/text.h"

namespace caisson::upstream {

async::Task<void> Connection::write(std::span<const std::span<const std::byte>> pieces, net::Milliseconds idle) {
  co_await transport_->write(pieces, idle);
  for (const auto& piece : pieces) sent_ += piece.size();
}

async::Task<void> Connection::write(std::string_view text, net::Milliseconds idle) {
  const std::array pieces{text::bytes_of(text)};
  co_await write(pieces, idle);
}

async::Task<bool> Connection::fill(net::Milliseconds idle) {
  if (!block_) block_ = async::Block::take();
  const std::size_t n = co_await transport_->read(block_->whole(), idle);
  unread_ = text::view_of(block_->whole().first(n));
  received_ += n;
  co_return n > 0;
}

async::Task<void> Connection::wait_readable(net::Milliseconds idle) {
  release();
  if (!transport_->has_pending()) co_await transport_->wait_readable(idle);
}

bool Connection::quiet() const noexcept {
  if (!clean()) return false;
  std::byte byte;
  const ssize_t n = ::recv(transport_->fd(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace caisson::upstream
