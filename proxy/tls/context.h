// The settings of TLS, turned into OpenSSL contexts: one per virtual host (or backend) and loop thread.
//
// Ownership: a context is a share in an SSL_CTX; a connection takes its own, so that a context may be replaced (a
//            renewed certificate) while connections that began with it live on.
// Threading: build one for each loop thread from the same parameters; use it on that thread alone.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tls/certificate.h"
#include "tls/client_certificates.h"
#include "tls/sessions.h"

namespace caisson::tls {

using ContextHandle = std::unique_ptr<SSL_CTX, FreeWith<&SSL_CTX_free>>;

// ssl_protocols, proxy_ssl_protocols. What the library's own policy forbids stays forbidden.
struct Protocols {
  bool tls1_0 = false;
  bool tls1_1 = false;
  bool tls1_2 = true;
  bool tls1_3 = true;
};

enum class SessionCaching : unsigned char {
  Off,     // clients are told that sessions cannot be reused
  None,    // clients may believe so, but nothing is kept (nginx's default)
  Shared,  // kept in `session_cache`
};

// One server block's ssl_* directives. Defaults are nginx's.
struct ServerParameters {
  // What tells this virtual host from others, such as "file:line": sessions of one are never resumed on another.
  std::string identity;
  std::vector<CertificatePem> certificates;  // one per key type
  Protocols protocols;
  std::string ciphers = "HIGH:!aNULL:!MD5";  // for TLS 1.2 and older
  bool prefer_server_ciphers = false;
  std::string ecdh_curve = "auto";
  std::string dhparam;       // PEM text; empty: none
  std::string dhparam_path;  // for messages
  std::chrono::seconds session_timeout = std::chrono::minutes(5);
  SessionCaching session_caching = SessionCaching::None;
  std::shared_ptr<SessionCache> session_cache;  // for Shared
  bool session_tickets = true;
  std::shared_ptr<TicketKeys> ticket_keys;  // for session_tickets
  ClientVerificationParameters clients;
  bool reject_handshake = false;  // no certificate is shown to anybody
  std::string stapled;            // an OCSP response for the certificate, DER; empty: none
  std::size_t record_size = 16 * 1024;
  std::vector<std::pair<std::string, std::string>> commands;  // ssl_conf_command: OpenSSL's own settings
  // In the order of preference; a client that offers only others is refused. Empty: no ALPN.
  std::vector<std::string> alpn = {"http/1.1", "http/1.0", "http/0.9"};
};

// One virtual host's side of the handshake.
class ServerContext {
 public:
  // The error is what nginx says after "[emerg] ".
  static Result<ServerContext> make(const ServerParameters& parameters);

  SSL_CTX* get() const noexcept { return context_.get(); }
  // Makes a connection that began with another host's context go on with this one's: certificate, protocols, ciphers,
  // curves, session id context. Called while the ClientHello is looked at.
  bool take_over(SSL* ssl) const noexcept;

 private:
  ServerContext() = default;
  bool set_session_scope(const ServerParameters& parameters);

  ContextHandle context_;
  std::string curves_;  // empty: OpenSSL's choice
  std::array<unsigned char, 32> session_scope_{};
};

// The virtual hosts of one listening address, on one loop thread.
struct ServerHosts {
  std::shared_ptr<const ServerContext> fallback;  // the default server: unknown name, no name
  // The host for a name that the client asked for (lower case, no trailing dot, never empty); null: the fallback. Must
  // not throw.
  std::function<std::shared_ptr<const ServerContext>(std::string_view name)> find;
};

// One https backend's proxy_ssl_* directives. Defaults are nginx's.
struct ClientParameters {
  Protocols protocols;
  std::string ciphers = "DEFAULT";
  bool verify = false;
  int verify_depth = 1;
  std::string trusted;                                             // PEM text of proxy_ssl_trusted_certificate
  std::string trusted_path;                                        // for messages
  std::string revoked;                                             // PEM text of proxy_ssl_crl; empty: none
  std::string revoked_path;                                        // for messages
  std::optional<CertificatePem> certificate;                       // to show to backends that ask for one
  std::vector<std::pair<std::string, std::string>> conf_commands;  // SSL_CONF_cmd(3), in order
  bool session_reuse = true;
};

class ClientContext {
 public:
  static Result<ClientContext> make(const ClientParameters& parameters);

  SSL_CTX* get() const noexcept { return context_.get(); }
  bool verifies() const noexcept { return verify_; }
  // Another share in the same SSL_CTX.
  ClientContext share() const;

 private:
  ClientContext() = default;
  ContextHandle context_;
  bool verify_ = false;
};

}  // namespace caisson::tls
