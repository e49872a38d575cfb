// Raw connections for both sides of the binary under test: exactly the bytes that a test says, and exactly those that
// came. Beside them the little HTTP that tests need to read an answer strictly.
//
// Errors: std::runtime_error when a peer breaks off in the middle or does nothing for as long as `patience`.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.h"

namespace integration {

// One TCP connection, perhaps encrypted.
class Wire {
 public:
  struct Options {
    bool tls = false;        // as a client; whatever certificate the server has
    int receive_buffer = 0;  // SO_RCVBUF in bytes; 0: the system's choice
    std::string alpn{};      // one protocol to offer, such as "http/1.1"
  };
  static Wire to(std::uint16_t port, const Options& options);
  static Wire to(std::uint16_t port) { return to(port, Options()); }
  // Takes over a connected socket.
  explicit Wire(caisson::Fd fd);
  Wire(Wire&&) noexcept = default;
  Wire& operator=(Wire&&) noexcept = default;

  void send(std::string_view bytes);
  // Sends from an endless repetition of `pattern` until the peer has taken nothing for a quarter of a second; the
  // number of bytes it took. Not with TLS. REQUIRES: less than `limit` bytes fit into what lies between.
  std::uint64_t send_until_stuck(std::string_view pattern, std::uint64_t limit);
  // No more will be sent; reading goes on.
  void finish_sending();

  // Up to and with the mark; what came after it stays for the next call.
  std::string read_until(std::string_view mark);
  std::string read(std::size_t bytes);
  // Up to the end of the stream, which a reset ends as well.
  std::string read_to_end();
  // Some bytes; empty at the end. The view holds until the next call.
  std::string_view read_some();
  // Whether there is something to read now, without waiting; also the end of the stream.
  bool readable();
  // After the end was read: whether the peer closed in an orderly way (with TLS: said so).
  bool ended_cleanly() const noexcept { return clean_; }

  int fd() const noexcept { return fd_.get(); }

 private:
  bool fill();  // false at the end

  caisson::Fd fd_;
  std::shared_ptr<SSL> tls_;
  std::string unread_;
  std::string block_;
  bool clean_ = false;
};

// An HTTP/1.1 answer.
struct Answer {
  unsigned status = 0;
  std::string head;  // with the status line, without the empty line
  std::string body;

  // The value of a header, "" when it is not there. Names in any case.
  std::string header(std::string_view name) const;
  bool has(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

// The next answer, framed by the letter of RFC 9112; throws when it is cut short. `to_head`: it has no body.
Answer read_answer(Wire& wire, bool to_head = false);
// One request on a connection of its own. `request` is the head without its last empty line, and perhaps a body.
Answer ask(std::uint16_t port, std::string_view request);
// "GET PATH HTTP/1.1" and the headers, which end in CRLF each.
std::string get_request(std::string_view path, std::string_view headers = "");
std::string as_chunk(std::string_view data);
// "Authorization: Basic ..." CRLF
std::string basic(std::string_view user, std::string_view password);
// "sha256:..." of the bytes; or of them repeated, `size` bytes in all.
std::string digest_of(std::string_view bytes);
std::string digest_of_repeated(std::string_view bytes, std::uint64_t size);

// A key and a certificate that it signed itself, for localhost; PEM.
struct Identity {
  std::string certificate;
  std::string key;
};
Identity make_identity();

}  // namespace integration
