// Certificates that clients show: asking for them while the handshake runs, and what became of it.
// ssl_verify_client, ssl_client_certificate, ssl_trusted_certificate, ssl_verify_depth, ssl_crl.
//
// The handshake goes on whatever is wrong with a certificate, as in nginx: the request is refused instead, with a page
// that says why. So whoever serves requests must look at the outcome (ClientCertificate below).
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

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

// What a client showed. Texts as nginx's $ssl_client_* have them.
struct ClientCertificate {
  bool verified = false;
  bool untrusted_issuer = false;  // failed only because nobody here knows who issued it
  std::string failure;            // why it failed
  std::string pem;
  std::string subject;  // RFC 2253
  std::string issuer;
  std::string subject_legacy;  // "/C=.../CN=..."
  std::string issuer_legacy;
  std::string serial;
  std::string fingerprint;  // SHA-1, lower-case hexadecimal
  std::string valid_from;
  std::string valid_to;
  std::int64_t expires = 0;  // seconds since 1970
};

// After the handshake, also of a resumed session; null: none was shown.
std::shared_ptr<const ClientCertificate> client_certificate_of(SSL* ssl);

}  // namespace caisson::tls
