// The bytes that a client sent and nobody has taken yet. One block, borrowed while there is something in it: an idle
// connection holds none.
//
// Ownership: borrows the transport. Threading: one loop.
#pragma once

#include <cstdint>
#include <string_view>

#include "async/buffer.h"
#include "net/transport.h"

namespace caisson::session {

class Input {
 public:
  explicit Input(net::Transport& transport) : transport_(transport) {}

  // What has come. Valid until the next fill() or release().
  std::string_view unread() const noexcept { return unread_; }
  void consume(std::size_t bytes) noexcept { unread_.remove_prefix(bytes); }
  bool empty() const noexcept { return unread_.empty(); }

  // Reads more. False at the end of the stream. REQUIRES: empty().
  // Throws http::PeerGone, async::TimedOut, async::Cancelled.
  async::Task<bool> fill(net::Milliseconds idle);
  // Gives the block back. REQUIRES: empty().
  void release() noexcept { block_ = {}; }
  // Waits for bytes or the end, holding no block. Throws as fill().
  async::Task<void> wait(net::Milliseconds idle);

  std::uint64_t received() const noexcept { return received_; }  // bytes in all, since the connection began

 private:
  net::Transport& transport_;
  async::BlockRef block_;
  std::string_view unread_;
  std::uint64_t received_ = 0;
};

}  // namespace caisson::session
