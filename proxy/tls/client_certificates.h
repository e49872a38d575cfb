// Certificates that clients show: asking for them while the handshake runs, and what became of it.
// ssl_verify_client, ssl_client_certificate, ssl_trusted_certificate, ssl_verify_depth, ssl_crl.
//
// The handshake goes on whatever is wrong with a certificate, as in nginx: the request is refused instead, with a page
// that says why. So whoever serves requests must look at the outcome (ClientCertificate).
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/client_certificate.h"
#include "base/result.h"

namespace caisson::tls {

enum class ClientVerification : unsigned char {
  Off,           // not asked for
  Required,      // on
  Optional,      // may be missing, must be valid when it is shown
  OptionalNoCa,  // may be missing, and nobody here need know who issued it
};

struct ClientVerificationParameters {
  ClientVerification mode = ClientVerification::Off;
  int depth = 1;
  std::string authorities;  // PEM text; their names are told to clients
  std::string authorities_path;
  std::string trusted;  // PEM text; not told
  std::string trusted_path;
  std::string revoked;  // PEM text of revocation lists; empty: none
  std::string revoked_path;
};

// Has the context ask as the parameters say. The error is what nginx says after "[emerg] ".
Result<void> ask_for_client_certificates(SSL_CTX* context, const ClientVerificationParameters& parameters);

// After the handshake, also of a resumed session; null: none was shown.
std::shared_ptr<const ClientCertificate> client_certificate_of(SSL* ssl);

}  // namespace caisson::tls
