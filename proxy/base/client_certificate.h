// The certificate that a client showed, and what became of verifying it: tls/ finds it out, http/ passes it on, neither
// knows the other. Texts as nginx's $ssl_client_* have them.
#pragma once

#include <cstdint>
#include <string>

namespace caisson {

struct ClientCertificate {
  bool verified = false;
  bool untrusted_issuer = false;  // it failed only because nobody here knows who issued it
  std::string failure;            // why it failed: "self-signed certificate"
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

}  // namespace caisson
