// Sessions that backends gave us, kept to be offered when the same backend is called again (proxy_ssl_session_reuse):
// the last one of each.
//
// Ownership: belongs to its SSL_CTX. Threading: the context's loop thread.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace caisson::tls {

// From now on the sessions of this client context's connections are kept.
void keep_client_sessions(SSL_CTX* context);

// Offers the session that was kept under `key`, if there is one, and has the connection's own kept under it. No effect
// where the context keeps none. Call before the handshake.
void resume_client_session(SSL* ssl, const std::string& key);

}  // namespace caisson::tls
