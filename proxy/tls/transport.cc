#include "tls/transport.h"
#include "tls/client_sessions.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <new>
#include <vector>

#include "async/buffer.h"
#include "base/text.h"
#include "tls/errors.h"
#include "tls/server_state.h"
#include "tls/wire.h"

namespace caisson::tls {

namespace {

using async::Task;
using net::Milliseconds;

constexpr std::size_t largest_record = SSL3_RT_MAX_PLAIN_LENGTH;

// What is left of a limit on a whole that takes several waits.
class Deadline {
 public:
  explicit Deadline(Milliseconds limit) : limit_(limit), end_(Clock::now() + limit) {}
  Milliseconds left() const {
    if (limit_ < Milliseconds::zero()) return limit_;
    const auto rest = std::chrono::duration_cast<Milliseconds>(end_ - Clock::now());
    if (rest <= Milliseconds::zero()) throw async::TimedOut();
    return rest;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Milliseconds limit_;
  Clock::time_point end_;
};

bool is_ip(const std::string& name) { return net::Address::from_ip(name, 0).has_value(); }

std::string curve_name(int nid) {
  if (nid == 0) return {};
  if ((nid & TLSEXT_nid_unknown) == 0) return OBJ_nid2sn(nid);
  char text[8];
  std::snprintf(text, sizeof text, "0x%04x", static_cast<unsigned>(nid) & 0xffff);
  return text;
}

void append_word(std::string& list, const std::string& word) { list.append(list.empty() ? "" : ":").append(word); }

// ngx_ssl_get_curves
std::string client_curves(SSL* ssl) {
  const auto count = SSL_get1_curves(ssl, nullptr);
  if (count <= 0) return {};
  std::vector<int> nids(static_cast<std::size_t>(count));
  SSL_get1_curves(ssl, nids.data());
  std::string list;
  for (const int nid : nids) append_word(list, curve_name(nid));
  return list;
}

// ngx_ssl_get_ciphers
std::string client_ciphers(SSL* ssl) {
  unsigned char* bytes = nullptr;
  const auto size = SSL_get0_raw_cipherlist(ssl, &bytes);
  std::string list;
  for (long i = 0; i + 1 < static_cast<long>(size); i += 2) {
    const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, bytes + i);
    char unknown[8];
    std::snprintf(unknown, sizeof unknown, "0x%02x%02x", bytes[i], bytes[i + 1]);
    append_word(list, cipher != nullptr ? SSL_CIPHER_get_name(cipher) : unknown);
  }
  return list;
}

std::string session_id_of(SSL* ssl) {
  const SSL_SESSION* session = SSL_get0_session(ssl);
  if (session == nullptr) return {};
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return text::to_hex(std::as_bytes(std::span(id, size)));
}

std::string text_or_empty(const char* text) { return text == nullptr ? std::string() : std::string(text); }

}  // namespace

Task<Opening> opening_of(async::Loop& loop, int fd, Milliseconds limit) {
  async::Pollable poll(loop, fd);
  for (;;) {
    unsigned char first = 0;
    const ssize_t n = ::recv(fd, &first, 1, MSG_PEEK);
    if (n == 0) co_return Opening::Nothing;
    // As nginx: a handshake record (RFC 8446 section 5.1), or an SSLv2 ClientHello, which OpenSSL then refuses.
    if (n > 0) co_return first == SSL3_RT_HANDSHAKE || (first & 0x80) != 0 ? Opening::Tls : Opening::Plain;
    if (errno == EAGAIN) {
      co_await poll.readable(limit);
    } else if (errno != EINTR) {
      throw net::ConnectionLost("recv() failed (" + net::errno_text(errno) + ')');
    }
  }
}

void TlsTransport::FreeSsl::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }

TlsTransport::TlsTransport(async::Loop& loop, Fd fd, std::shared_ptr<const ServerHosts> hosts)
    : wire_(std::make_unique<Wire>(loop, std::move(fd))), hosts_(std::move(hosts)) {
  begin(hosts_->fallback->get());
  attach_hosts(ssl_.get(), hosts_.get());
  SSL_set_accept_state(ssl_.get());
}

TlsTransport::TlsTransport(async::Loop& loop, Fd fd, const ClientContext& context, const PeerName& peer)
    : wire_(std::make_unique<Wire>(loop, std::move(fd))) {
  begin(context.get());
  SSL_set_connect_state(ssl_.get());
  if (!peer.session_key.empty()) resume_client_session(ssl_.get(), peer.session_key);
  if (!peer.server_name.empty() && !is_ip(peer.server_name)) {
    SSL_set_tlsext_host_name(ssl_.get(), peer.server_name.c_str());
    facts_.server_name = peer.server_name;
  }
  if (!context.verifies()) return;
  const bool named = is_ip(peer.verify_name)
                         ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), peer.verify_name.c_str()) == 1
                         : SSL_set1_host(ssl_.get(), peer.verify_name.c_str()) == 1;
  // Without a name any certificate of the trusted authorities would do.
  if (!named || peer.verify_name.empty()) failure_ = "no name to verify the peer's certificate for";
}

TlsTransport::~TlsTransport() {
  // OpenSSL takes a session for bad whose connection ended without close_notify, as aborted ones do.
  if (open_ && failure_.empty()) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void TlsTransport::begin(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  if (!ssl_) throw std::bad_alloc();
  BIO* const bio = wire_->bio();
  SSL_set_bio(ssl_.get(), bio, bio);
}

Task<void> TlsTransport::handshake(Milliseconds limit) {
  const Deadline deadline(limit);
  if (!failure_.empty()) throw HandshakeFailed(failure_);
  for (;;) {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_.get());
    if (outcome != 1) {
      const int error = SSL_get_error(ssl_.get(), outcome);
      if (error != SSL_ERROR_WANT_READ) fail_handshake(error);
    }
    if (wire_->gathered() > 0) co_await wire_->flush(deadline.left());
    if (outcome == 1) break;
    co_await wire_->receive(deadline.left());
  }
  open_ = true;
  learn_facts();
}

void TlsTransport::learn_facts() {
  SSL* const ssl = ssl_.get();
  facts_.protocol = text_or_empty(SSL_get_version(ssl));
  facts_.cipher = text_or_empty(SSL_get_cipher_name(ssl));
  if (hosts_) facts_.server_name = text_or_empty(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  const unsigned char* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  facts_.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  facts_.session_reused = SSL_session_reused(ssl) == 1;
  facts_.session_id = session_id_of(ssl);
  if (!hosts_) return;
  record_size_ = std::min(largest_record, state_of(ssl).record_size);
  facts_.client_certificate = client_certificate_of(ssl);
  facts_.curve = curve_name(static_cast<int>(SSL_get_negotiated_group(ssl)));
  facts_.curves = client_curves(ssl);
  facts_.ciphers = client_ciphers(ssl);
}

void TlsTransport::fail_handshake(int ssl_error) {
  note_failure("SSL_do_handshake()", ssl_error, "peer closed connection in SSL handshake");
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict == X509_V_OK) throw HandshakeFailed(failure_);
  throw HandshakeFailed("upstream SSL certificate verify error: (" + std::to_string(verdict) + ':' +
                        X509_verify_cert_error_string(verdict) + ')');
}

void TlsTransport::note_failure(const char* call, int ssl_error, const char* at_end) {
  failure_ = ssl_call_failed(call).what;
  if (wire_->at_end() && ssl_error != SSL_ERROR_ZERO_RETURN) failure_ = at_end;
  wire_->flush_now();  // the alert that tells the peer why
}

Task<std::size_t> TlsTransport::read(std::span<std::byte> into, Milliseconds idle) {
  while (!ended_) {
    throw_if_failed();
    std::size_t total = 0;
    int error = SSL_ERROR_NONE;
    while (total < into.size() && error == SSL_ERROR_NONE) {
      std::size_t n = 0;
      ERR_clear_error();
      const int outcome = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &n);
      if (outcome != 1) error = SSL_get_error(ssl_.get(), outcome);
      total += n;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
      ended_ = true;
    } else if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
      note_failure("SSL_read()", error, "peer closed connection without close_notify");
      if (total == 0) throw_if_failed();  // else what came before is good, and the next read throws
    } else if (total == 0) {
      wire_->flush_now();  // reading may have made an answer, such as to a KeyUpdate
      co_await wire_->receive(idle);
    }
    if (total > 0) co_return total;
  }
  co_return 0;
}

void TlsTransport::throw_if_failed() const {
  if (!failure_.empty()) throw net::ConnectionLost(failure_);
}

// Appends to what the wire gathers, so it never waits.
void TlsTransport::encrypt(std::span<const std::byte> record) {
  throw_if_failed();
  std::size_t written = 0;
  ERR_clear_error();
  const int outcome = SSL_write_ex(ssl_.get(), record.data(), record.size(), &written);
  if (outcome == 1) return;
  note_failure("SSL_write()", SSL_get_error(ssl_.get(), outcome), "peer closed connection");
  throw_if_failed();
}

Task<void> TlsTransport::write(std::span<const std::span<const std::byte>> pieces, Milliseconds idle) {
  async::BlockRef small;  // what is less than a record goes together: a head and the body's beginning
  std::size_t in_small = 0;
  for (std::span<const std::byte> piece : pieces) {
    while (!piece.empty()) {
      const std::size_t n = std::min(piece.size(), record_size_ - in_small);
      if (n == record_size_) {
        encrypt(piece.first(n));
      } else {
        if (!small) small = async::Block::take();
        std::copy_n(piece.begin(), n, small->data() + in_small);
        in_small += n;
        if (in_small == record_size_) encrypt(small->whole().first(std::exchange(in_small, 0)));
      }
      piece = piece.subspan(n);
      if (wire_->gathered() >= Wire::enough_to_send) co_await wire_->flush(idle);
    }
  }
  if (in_small > 0) encrypt(small->whole().first(in_small));
  small = {};
  if (wire_->gathered() > 0) co_await wire_->flush(idle);
}

Task<void> TlsTransport::wait_readable(Milliseconds idle) {
  if (has_pending() || ended_ || !failure_.empty()) co_return;
  co_await wire_->socket().wait_readable(idle);
}

bool TlsTransport::has_pending() const noexcept { return wire_->has_input() || SSL_pending(ssl_.get()) > 0; }

void TlsTransport::cancel_when_closed(async::CancelScope* scope) { wire_->socket().cancel_when_closed(scope); }

Task<void> TlsTransport::shutdown(Milliseconds idle) {
  if (open_ && failure_.empty()) {
    ERR_clear_error();
    if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();  // the peer's close_notify is not there yet
    if (wire_->gathered() > 0) co_await wire_->flush(idle);
  }
  wire_->socket().half_close();
}

void TlsTransport::reset() noexcept { wire_->socket().reset_on_close(); }

int TlsTransport::fd() const noexcept { return wire_->socket().fd(); }

}  // namespace caisson::tls
