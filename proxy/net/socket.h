// A connected non-blocking stream socket with the waits of its loop. PlainTransport is little more; tls::TlsTransport
// puts records between.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "async/loop.h"
#include "base/handle.h"
#include "base/result.h"
#include "net/address.h"
#include "net/transport.h"

namespace caisson::net {

// Ownership: owns the descriptor. Threading and errors: as Transport.
class Socket {
 public:
  // REQUIRES: `fd` is non-blocking.
  Socket(async::Loop& loop, Fd fd) : loop_(loop), fd_(std::move(fd)), poll_(loop, fd_.get()) {}

  async::Task<std::size_t> read(std::span<std::byte> into, Milliseconds idle);
  // Reads what is there; nothing when nothing is.
  std::optional<std::size_t> read_now(std::span<std::byte> into);
  // Writes all of it; `parts` is used up on the way.
  async::Task<void> write(std::span<iovec> parts, Milliseconds idle);
  // Writes what goes out without waiting, for last words: errors are ignored.
  std::size_t write_now(std::span<const iovec> parts) noexcept;
  async::Task<void> wait_readable(Milliseconds idle);
  void cancel_when_closed(async::CancelScope* scope) { poll_.cancel_when_closed(scope); }
  // Returns at once, unless this socket was always ready and has moved its share within this turn of the loop: then the
  // others have theirs first.
  async::Task<void> take_turns();

  void half_close() noexcept;      // FIN after what was written
  void reset_on_close() noexcept;  // RST at close
  int fd() const noexcept { return fd_.get(); }

 private:
  void moved(std::size_t bytes) noexcept;

  async::Loop& loop_;
  Fd fd_;
  async::Pollable poll_;  // after fd_: it goes first
  std::chrono::steady_clock::time_point turn_;
  std::size_t moved_this_turn_ = 0;
};

// Where a connection comes from; its port may be 0. `transparent`: the address need not be one of this machine's
// (IP_TRANSPARENT, which takes rights).
struct LocalEnd {
  Address address;
  bool transparent = false;
};

// Connects. The error is nginx's: "connect() failed (111: Connection refused)". Throws async::TimedOut, Cancelled.
// TCP sockets come with TCP_NODELAY and keep-alive.
async::Task<Result<Fd>> connect(Address to, Milliseconds limit, std::optional<LocalEnd> from = std::nullopt);

// Small writes go out at once. No effect on unix sockets.
void set_no_delay(int fd) noexcept;
// The kernel notices dead peers after about two minutes. No effect on unix sockets.
void set_keepalive(int fd) noexcept;

// "111: Connection refused", as nginx writes it in parentheses.
std::string errno_text(int error_number);

class PlainTransport final : public Transport {
 public:
  PlainTransport(async::Loop& loop, Fd fd) : socket_(loop, std::move(fd)) {}

  using Transport::write;
  async::Task<std::size_t> read(std::span<std::byte> into, Milliseconds idle) override;
  async::Task<void> write(std::span<const std::span<const std::byte>> pieces, Milliseconds idle) override;
  async::Task<void> wait_readable(Milliseconds idle) override;
  bool has_pending() const noexcept override { return false; }
  void cancel_when_closed(async::CancelScope* scope) override { socket_.cancel_when_closed(scope); }
  async::Task<void> shutdown(Milliseconds idle) override;
  void reset() noexcept override { socket_.reset_on_close(); }
  int fd() const noexcept override { return socket_.fd(); }

 private:
  Socket socket_;
};

}  // namespace caisson::net
