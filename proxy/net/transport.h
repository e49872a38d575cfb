// A byte stream to one peer, plain or encrypted. session/ reads requests from it, upstream/ reads answers.
//
// Every operation first tries without waiting, and waits on the loop only when the socket is not ready. A transport
// whose peer is always ready still lets its loop turn after some hundred KiB.
//
// Ownership: owns its descriptor; the destructor closes it. What waits on a transport ends before it is destroyed.
// Threading: one loop. At the same time at most one read() or wait_readable(), and one write() or
//            shutdown().
// Units:     bytes; `idle` is the longest time without progress, not a limit on the whole (async::no_timeout: none).
// Errors:    ConnectionLost, async::TimedOut, async::Cancelled. After any of them from write(), how much went out is
//            unknown: only reset() or destruction may follow. A read() that timed out or was cancelled may be repeated.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "async/task.h"

namespace caisson::net {

using Milliseconds = std::chrono::milliseconds;

// The connection broke: reset by the peer, cut off in the middle of a TLS stream, or garbled. what() is for the log.
struct ConnectionLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // At least one byte, as many as are there; 0 at the end of the stream, and again after it. Over TLS only a
  // close_notify is an end; a bare FIN is ConnectionLost, so that nobody takes a cut body for a whole one.
  // REQUIRES: `into` is not empty.
  virtual async::Task<std::size_t> read(std::span<std::byte> into, Milliseconds idle) = 0;

  // All of the pieces, in order. The pieces and the span of them stay valid until the await ends.
  virtual async::Task<void> write(std::span<const std::span<const std::byte>> pieces, Milliseconds idle) = 0;
  async::Task<void> write(std::span<const std::byte> bytes, Milliseconds idle);

  // Returns when read() is likely to find bytes or the end. Between requests a connection waits here and holds no
  // buffer.
  virtual async::Task<void> wait_readable(Milliseconds idle) = 0;
  // Bytes that came already stand in the transport: the socket may never become readable for them.
  virtual bool has_pending() const noexcept = 0;

  // From now on `scope` is cancelled as soon as the peer closes its side or resets the connection, also while unread
  // bytes stand before that. Null: no more. REQUIRES: taken back before the scope dies.
  virtual void cancel_when_closed(async::CancelScope* scope) = 0;

  // Says that nothing more will be written (TLS: close_notify), and half-closes. Reading goes on.
  virtual async::Task<void> shutdown(Milliseconds idle) = 0;
  // Makes the destructor's close a reset: the peer cannot take what it got for the whole.
  virtual void reset() noexcept = 0;

  // For getsockname() and the like.
  virtual int fd() const noexcept = 0;
};

}  // namespace caisson::net
