// The bytes of a body in order, at the pace of their consumer: a slow client slows the disk or the backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "async/task.h"
#include "http/message.h"

namespace caisson::http {

// The other side broke off: closed or reset its connection in the middle of a message.
struct PeerGone final : std::exception {
  const char* what() const noexcept override { return "the peer closed the connection"; }
};

// What the other side sent does not follow its grammar, in the middle of a body. Its status is for the log and for an
// answer that has not begun yet.
struct BadMessage final : std::exception {
  explicit BadMessage(unsigned status_code, const char* text) noexcept : status(status_code), text_(text) {}
  const char* what() const noexcept override { return text_; }
  unsigned status;

 private:
  const char* text_;
};

// Ownership: the exchange's. Threading: one loop.
// Errors:    read() throws PeerGone when the sender broke off, BadMessage for broken chunks, async::TimedOut when
//            nothing came for the idle limit, async::Cancelled when the exchange was given up.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  virtual BodySize size() const noexcept = 0;
  // The next bytes, at most 64 KiB; empty at the end, and again after it. The view holds until the next call, also
  // across awaits.
  virtual async::Task<std::span<const std::byte>> read() = 0;
  // Nobody will read it: takes what of it has come already, without waiting for the rest. False: that is broken, and
  // nobody knows where the next request begins. `invite`: tell a client that waits for "100 Continue" to send. A body
  // that does not come from the wire has nothing to take.
  virtual async::Task<bool> discard(bool invite);
};

// Where a body goes. write() returns when there is room for more, so a producer needs no limit of its own.
//
// Errors: write() and finish() throw PeerGone, async::TimedOut, async::Cancelled. Last call: finish(). A body that is
//         not finished makes the connection (or stream) break off, so that nobody takes it for a whole one.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual async::Task<void> write(std::span<const std::byte> slice) = 0;
  // Sends on what was written so far, the head included, without waiting for more: call it before a wait for more.
  virtual async::Task<void> flush() = 0;
  // The body is whole. REQUIRES: as many bytes as declared were written.
  virtual async::Task<void> finish() = 0;
};

// The body of a message that has none.
class EmptyBody final : public BodyReader {
 public:
  BodySize size() const noexcept override { return BodySize::none(); }
  async::Task<std::span<const std::byte>> read() override { co_return std::span<const std::byte>(); }
};

}  // namespace caisson::http
