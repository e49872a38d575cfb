// What a server block says of TLS. Texts and paths only: app/ makes contexts of tls/ from them.
#pragma once

#include <chrono>
#include <cstdint>
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
  std::optional<std::chrono::seconds> session_timeout;
  std::optional<bool> session_tickets;
  enum class VerifyClient { Off, On, Optional, OptionalNoCa };
  std::optional<VerifyClient> verify_client;
  std::optional<std::uint64_t> verify_depth;
  std::optional<File> client_certificate;   // whose certificates clients may show
  std::optional<File> trusted_certificate;  // the same, but clients are not told
  std::optional<File> crl;
  std::optional<std::vector<std::string>> passwords;  // ssl_password_file
  std::optional<std::vector<std::pair<std::string, std::string>>> conf_commands;
  std::optional<bool> reject_handshake;
  std::optional<std::vector<File>> ticket_keys;  // the first seals
  std::optional<bool> stapling;
  std::optional<File> stapling_file;
  std::optional<std::uint64_t> buffer_size;  // bytes
  config::SourcePos ssl_at;                  // of `ssl on;`

  bool verifies_clients() const { return verify_client.value_or(VerifyClient::Off) != VerifyClient::Off; }

  void inherit(const TlsSettings& outer);
};

void describe_tls_settings(rules::Language& language);

}  // namespace caisson::gateway
