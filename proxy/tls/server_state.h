// What our callbacks find on OpenSSL's objects. Internal to tls/.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "tls/sessions.h"

namespace caisson::tls {

struct ServerHosts;

// Hangs on a virtual host's SSL_CTX and dies with it.
struct ServerState {
  std::string alpn;                         // in wire form, in the order of preference
  std::shared_ptr<SessionCache> cache;      // null: sessions are not kept
  std::shared_ptr<TicketKeys> ticket_keys;  // null: no tickets
  bool rejects = false;                     // every handshake with this host (ssl_reject_handshake)
  std::string stapled;                      // the OCSP response that goes with the certificate, DER; empty: none
  std::size_t record_size = 16 * 1024;      // most bytes of data in one record
};

// The context owns the state from here on.
void attach_state(SSL_CTX* context, std::unique_ptr<ServerState> state);
// The state of the host that the connection is with now. Never null on the server's side.
const ServerState& state_of(const SSL* ssl) noexcept;

// The hosts that a connection may choose among; borrowed.
void attach_hosts(SSL* ssl, const ServerHosts* hosts) noexcept;
const ServerHosts* hosts_of(const SSL* ssl) noexcept;

// Has the context's sessions kept in and opened by what its state holds.
void install_session_callbacks(SSL_CTX* context);

}  // namespace caisson::tls
