// What stands between OpenSSL and a socket: a BIO whose reads are served from what one recv() brought, and whose writes
// gather until one sendmsg() takes them. Internal to tls/.
#pragma once

#include <openssl/bio.h>

#include <array>
#include <cstddef>
#include <vector>

#include "async/buffer.h"
#include "net/socket.h"
#include "tls/transport.h"

namespace caisson::tls {

// Ownership: owns the socket; the BIO that bio() makes borrows the wire. Threading and errors: as net::Transport.
class TlsTransport::Wire {
 public:
  // Gathered output beyond this should be flushed. Measured: with 256 KiB a system call sending costs two thirds of
  // what it costs with one record a call.
  static constexpr std::size_t enough_to_send = 256 * 1024;

  Wire(async::Loop& loop, Fd fd) : socket_(loop, std::move(fd)) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // A new BIO on this wire.
  BIO* bio();

  // Receives up to 64 KiB; holds no buffer while it waits. REQUIRES: !has_input().
  async::Task<void> receive(net::Milliseconds idle);
  // Sends all that was gathered, also what is added meanwhile. One at a time.
  async::Task<void> flush(net::Milliseconds idle);
  // Sends what the socket takes at once, unless a flush() is under way. Errors are ignored: the next flush meets them.
  void flush_now() noexcept;

  bool has_input() const noexcept { return in_begin_ != in_end_; }
  bool at_end() const noexcept { return at_end_; }  // the peer's FIN came
  std::size_t gathered() const noexcept { return gathered_; }
  net::Socket& socket() noexcept { return socket_; }
  const net::Socket& socket() const noexcept { return socket_; }

 private:
  static BIO_METHOD* method();
  int take_input(char* into, int size) noexcept;
  int gather(const char* bytes, int size) noexcept;
  void drop_sent(std::size_t bytes) noexcept;
  // The gathered output as at most `parts.size()` pieces of memory.
  std::span<iovec> pieces(std::span<iovec> parts) noexcept;

  net::Socket socket_;
  async::BlockRef in_;  // none when everything was taken
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  bool at_end_ = false;

  std::vector<async::BlockRef> out_;
  std::size_t out_begin_ = 0;  // in the first of out_
  std::size_t gathered_ = 0;   // from there to the end, in all blocks
  bool flushing_ = false;
};

}  // namespace caisson::tls
