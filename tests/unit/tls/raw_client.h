// A TLS client whose bytes a test can cut and hold back: OpenSSL between two memory BIOs, pumped over a plain socket.
#pragma once

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "base/handle.h"
#include "base/text.h"
#include "net/socket.h"

namespace caisson::tls_test {

using SessionHandle = std::unique_ptr<SSL_SESSION, FreeWith<&SSL_SESSION_free>>;

class RawClient {
 public:
  // Sends what the handshake produced, in whatever pieces.
  using Send = std::function<async::Task<void>(net::Transport& to, std::string bytes)>;

  RawClient(async::Loop& loop, Fd fd, int version, const char* server_name)
      : transport_(loop, std::move(fd)), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), [](SSL* ssl, SSL_SESSION* session) {
      static_cast<RawClient*>(SSL_get_app_data(ssl))->session_.reset(session);
      return 1;  // taken
    });
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_tlsext_host_name(ssl_.get(), server_name);
    SSL_set_connect_state(ssl_.get());
  }

  // Without this OpenSSL takes the session for bad, since no close_notify was exchanged.
  ~RawClient() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void without_tickets() { SSL_set_options(ssl_.get(), SSL_OP_NO_TICKET); }
  void offer(SSL_SESSION* session) { REQUIRE(SSL_set_session(ssl_.get(), session) == 1); }
  void send_by(Send send) { send_ = std::move(send); }

  async::Task<void> handshake() {
    while (SSL_do_handshake(ssl_.get()) != 1) {
      co_await send_output();
      co_await receive();
    }
    co_await send_output();
  }
  // One message from the peer, after which session tickets have come, too.
  async::Task<std::string> read_some() {
    std::string into(1024, '\0');
    for (;;) {
      const int n = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
      if (n > 0) co_return into.substr(0, static_cast<std::size_t>(n));
      co_await receive();
    }
  }
  async::Task<void> write(std::string_view text) {
    REQUIRE(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()));
    co_await send_output();
  }
  // Has the peer made new keys, and ask for the same.
  async::Task<void> update_keys() {
    REQUIRE(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    co_await write("k");
  }

  // TLS 1.2 does not tell of a ticket that was renewed in a resumed session.
  SessionHandle take_session() {
    if (SSL_version(ssl_.get()) == TLS1_2_VERSION) session_.reset(SSL_get1_session(ssl_.get()));
    return std::move(session_);
  }
  bool reused() const { return SSL_session_reused(ssl_.get()) == 1; }
  std::string peer_common_name() const {
    char text[256] = "";
    const std::unique_ptr<X509, FreeWith<&X509_free>> peer(SSL_get1_peer_certificate(ssl_.get()));
    if (peer) X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, text, sizeof text);
    return text;
  }
  net::Transport& transport() { return transport_; }

 private:
  async::Task<void> send_output() {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), '\0');
    if (bytes.empty()) co_return;
    BIO_read(SSL_get_wbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
    if (send_) {
      co_await send_(transport_, bytes);
    } else {
      co_await transport_.write(text::bytes_of(bytes), std::chrono::seconds(10));
    }
  }
  async::Task<void> receive() {
    std::vector<std::byte> into(64 * 1024);
    const std::size_t n = co_await transport_.read(into, std::chrono::seconds(10));
    if (n == 0) throw net::ConnectionLost("the server closed");
    BIO_write(SSL_get_rbio(ssl_.get()), into.data(), static_cast<int>(n));
  }

  net::PlainTransport transport_;
  std::unique_ptr<SSL_CTX, FreeWith<&SSL_CTX_free>> context_;
  SessionHandle session_;
  std::unique_ptr<SSL, FreeWith<&SSL_free>> ssl_;
  Send send_;
};

}  // namespace caisson::tls_test
