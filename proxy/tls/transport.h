// An encrypted byte stream over a socket.
//
// OpenSSL never touches the socket: between them stands a BIO of our own that receives up to 64 KiB a system call
// (several records) and sends up to 256 KiB. Its buffers are blocks that it gives back when they are empty, so an idle
// connection holds none.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/socket.h"
#include "net/transport.h"
#include "tls/context.h"

namespace caisson::tls {

// The handshake came to nothing: no shared cipher, an alert of the peer, a certificate that does not verify. what() is
// nginx's: "SSL_do_handshake() failed (SSL: error:...)".
struct HandshakeFailed final : net::ConnectionLost {
  using net::ConnectionLost::ConnectionLost;
};

// What the handshake agreed on.
struct Facts {
  std::string protocol;     // $ssl_protocol: "TLSv1.3"
  std::string cipher;       // $ssl_cipher: "TLS_AES_256_GCM_SHA384"
  std::string server_name;  // $ssl_server_name: what the client asked for, as it wrote it; empty: nothing
  std::string alpn;         // "http/1.1"; empty: none agreed
  bool session_reused = false;
  std::string session_id;  // in hexadecimal; empty: none
  // The server's side only, in OpenSSL's names, "0x..." for what has none; several with ":" between.
  std::string curve;                                            // that the keys were agreed on with
  std::string curves;                                           // that the client can
  std::string ciphers;                                          // that the client can
  std::shared_ptr<const ClientCertificate> client_certificate;  // null: none was shown; the server's side only
};

// Whom a client connection means to reach.
struct PeerName {
  std::string server_name;  // sent as SNI (proxy_ssl_server_name on); empty: none. An IP address is never sent.
  std::string verify_name;  // what the certificate must be for, where the context verifies: a DNS name or an IP address
  std::string session_key = {};  // whose session may be resumed; empty: nobody's
};

// What a connection to a TLS port begins with. Nothing: its end, as of who only asks whether somebody listens.
enum class Opening { Tls, Plain, Nothing };

// Waits for the first byte, and takes nothing from the socket. A client that speaks plain HTTP to a TLS port can so be
// answered through a net::PlainTransport. Throws async::TimedOut, async::Cancelled, net::ConnectionLost.
async::Task<Opening> opening_of(async::Loop& loop, int fd, net::Milliseconds limit);

class TlsTransport final : public net::Transport {
 public:
  // The server's side.
  TlsTransport(async::Loop& loop, Fd fd, std::shared_ptr<const ServerHosts> hosts);
  // The client's side.
  TlsTransport(async::Loop& loop, Fd fd, const ClientContext& context, const PeerName& peer);
  ~TlsTransport() override;

  // The first call, once; `limit` is for the whole of it (no_timeout: none). Throws HandshakeFailed,
  // net::ConnectionLost, async::TimedOut, async::Cancelled; the transport is then good for destruction alone.
  async::Task<void> handshake(net::Milliseconds limit);
  const Facts& facts() const noexcept { return facts_; }

  using Transport::write;
  async::Task<std::size_t> read(std::span<std::byte> into, net::Milliseconds idle) override;
  async::Task<void> write(std::span<const std::span<const std::byte>> pieces, net::Milliseconds idle) override;
  async::Task<void> wait_readable(net::Milliseconds idle) override;
  bool has_pending() const noexcept override;
  void cancel_when_closed(async::CancelScope* scope) override;
  async::Task<void> shutdown(net::Milliseconds idle) override;
  void reset() noexcept override;
  int fd() const noexcept override;

 private:
  class Wire;  // the BIO's other end
  struct FreeSsl {
    void operator()(SSL* ssl) const noexcept;
  };
  void begin(SSL_CTX* context);
  void learn_facts();
  void encrypt(std::span<const std::byte> record);
  // Remembers what a failed OpenSSL call means; `at_end`: what to call it when the peer's FIN was the reason.
  void note_failure(const char* call, int ssl_error, const char* at_end);
  void throw_if_failed() const;
  [[noreturn]] void fail_handshake(int ssl_error);

  std::unique_ptr<Wire> wire_;
  std::unique_ptr<SSL, FreeSsl> ssl_;  // refers to wire_, so it goes first
  std::shared_ptr<const ServerHosts> hosts_;
  Facts facts_;
  std::size_t record_size_ = 16 * 1024;  // most bytes of data in one record
  bool open_ = false;                    // the handshake is done
  bool ended_ = false;                   // the peer's close_notify came
  std::string failure_;                  // not empty after a fatal error: no more calls on ssl_
};

}  // namespace caisson::tls
