// What a server block says of TLS. Texts and paths only: app/ makes contexts of tls/ from them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "config/directive.h"
#include "rules/level.h"
#include "rules/loader.h"

namespace caisson::gateway {

struct TlsSettings {
  struct File {
    std::string path;     // complete
    std::string content;  // PEM; empty when it could not be read, which was told
    config::SourcePos at;
  };

  std::optional<bool> ssl;  // `ssl on;`
  std::optional<std::vector<File>> certificates;
  std::optional<std::vector<File>> keys;  // the i-th belongs to the i-th certificate
  std::optional<std::vector<std::string>> protocols;
  std::optional<std::string> ciphers;
  std::optional<bool> prefer_server_ciphers;
  std::optional<std::string> ecdh_curve;
  std::optional<File> dhparam;
  std::optional<bool> shared_session_cache;  // false: off or none
  std::optional<std::chrono::milliseconds> session_timeout;
  std::optional<bool> session_tickets;
  config::SourcePos ssl_at;  // of `ssl on;`

  void inherit(const TlsSettings& outer);
};

void describe_tls_settings(rules::Language& language);

}  // namespace caisson::gateway
