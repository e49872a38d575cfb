// One connection to a backend, with the bytes that have come but were not looked at yet.
//
// Ownership: owns its transport and, while there are unread bytes, a block. Threading: one loop.
// Units: bytes. Errors: those of net::Transport.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "async/buffer.h"
#include "async/loop.h"
#include "net/transport.h"

namespace caisson::upstream {

class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  // `key`: connections with the same key are interchangeable.
  Connection(std::unique_ptr<net::Transport> transport, std::string key)
      : transport_(std::move(transport)), key_(std::move(key)), born_(async::Loop::current().now()) {}

  net::Transport& transport() noexcept { return *transport_; }
  const std::string& key() const noexcept { return key_; }
  Clock::time_point born() const noexcept { return born_; }

  async::Task<void> write(std::span<const std::span<const std::byte>> pieces, net::Milliseconds idle);
  async::Task<void> write(std::string_view text, net::Milliseconds idle);

  // What came and was not consumed. The view holds until fill() or release().
  std::string_view unread() const noexcept { return unread_; }
  void consume(std::size_t bytes) noexcept { unread_.remove_prefix(bytes); }
  // Waits for more. False at the end of the stream. REQUIRES: unread() is empty.
  async::Task<bool> fill(net::Milliseconds idle);
  // Waits until fill() is likely not to wait, without holding a block.
  async::Task<void> wait_readable(net::Milliseconds idle);

  // No bytes have come that nobody looked at.
  bool clean() const noexcept { return unread_.empty() && !transport_->has_pending(); }
  // clean(), and none stand in the socket either, nor the end of the stream. One system call.
  bool quiet() const noexcept;
  // Gives the block back. REQUIRES: unread() is empty.
  void release() noexcept { block_ = {}; }

  std::uint64_t sent() const noexcept { return sent_; }
  std::uint64_t received() const noexcept { return received_; }
  std::uint64_t requests = 0;  // that were begun on it

 private:
  const std::unique_ptr<net::Transport> transport_;
  const std::string key_;
  const Clock::time_point born_;
  async::BlockRef block_;
  std::string_view unread_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace caisson::upstream
