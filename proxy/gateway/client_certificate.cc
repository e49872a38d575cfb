#include "gateway/client_certificate.h"

#include <array>
#include <ctime>
#include <string>

#include "base/text.h"
#include "gateway/host.h"
#include "gateway/tls_settings.h"
#include "gateway/virtual_hosts.h"
#include "rules/request_log.h"

namespace caisson::gateway {

using rules::RequestState;
using rules::Value;
using Verify = TlsSettings::VerifyClient;

namespace {

// Whether the handshake was this server's own: made with its settings and, when it named a server, for the same name as
// the Host, as in nginx.
bool handshake_was_for(RequestState& state) {
  const http::ConnectionInfo& connection = state.exchange.connection();
  const VirtualHosts& hosts = state.server->outer()->get<HttpBlock>().hosts;
  std::string name = text::lowered(connection.tls_server_name);
  if (name.ends_with('.')) name.pop_back();
  const Endpoint& endpoint = hosts.endpoints()[connection.listener];
  if (endpoint.hosts.size() == 1) return true;  // nobody else's
  const VirtualHost* asked = name.empty() ? endpoint.default_host : endpoint.find(name).host;
  if (asked != state.server->get<HostOfLevel>().host) return false;
  return name.empty() || name == requested_host(state.exchange.request());
}

}  // namespace

unsigned status_of_client_certificate(RequestState& state) {
  const http::ConnectionInfo& connection = state.exchange.connection();
  const TlsSettings& settings = state.server->get<TlsSettings>();
  if (!connection.tls || !settings.verifies_clients()) return 0;
  if (!handshake_was_for(state)) {
    rules::log(state, observe::Level::Info,
               "client attempted to request the server name different from the one that was negotiated");
    return 421;
  }
  const ClientCertificate* shown = connection.client_certificate.get();
  if (shown == nullptr) {
    if (*settings.verify_client != Verify::On) return 0;
    rules::log(state, observe::Level::Info, "client sent no required SSL certificate");
    return 496;
  }
  const bool enough = shown->verified || (*settings.verify_client == Verify::OptionalNoCa && shown->untrusted_issuer);
  if (enough) return 0;
  rules::log(state, observe::Level::Info, "client SSL certificate verify error: (" + shown->failure + ')');
  return 495;
}

namespace {

template <auto Member>
Value text_of(RequestState& s, std::string_view) {
  const auto& shown = s.exchange.connection().client_certificate;
  return shown ? Value((*shown).*Member) : Value();
}

// ngx_ssl_get_client_verify
Value verify(RequestState& s, std::string_view) {
  if (!s.exchange.connection().tls) return std::nullopt;
  const auto& shown = s.exchange.connection().client_certificate;
  if (!shown) return "NONE";
  return shown->verified ? "SUCCESS" : "FAILED:" + shown->failure;
}

// The lines after the first begin with a tab, so that the text may stand in a header (ngx_ssl_get_certificate).
Value folded(RequestState& s, std::string_view) {
  const auto& shown = s.exchange.connection().client_certificate;
  if (!shown) return std::nullopt;
  std::string out;
  for (const char c : std::string_view(shown->pem).substr(0, shown->pem.find_last_not_of('\n') + 1)) {
    out += c;
    if (c == '\n') out += '\t';
  }
  return out;
}

// ngx_ssl_get_escaped_certificate
Value escaped(RequestState& s, std::string_view) {
  static constexpr char digits[] = "0123456789ABCDEF";
  const auto& shown = s.exchange.connection().client_certificate;
  if (!shown) return std::nullopt;
  std::string out;
  for (const char c : shown->pem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || text::is_digit(c) || c == '-' || c == '.';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

// Days until the certificate ends.
Value remaining(RequestState& s, std::string_view) {
  const auto& shown = s.exchange.connection().client_certificate;
  if (!shown) return std::nullopt;
  const std::int64_t left = shown->expires - std::time(nullptr);
  return std::to_string(left > 0 ? left / (24 * 60 * 60) : 0);
}

using rules::VariableSpec;

constexpr std::array variables = {
    VariableSpec{"ssl_client_verify", &verify},
    VariableSpec{"ssl_client_cert", &folded},
    VariableSpec{"ssl_client_raw_cert", &text_of<&ClientCertificate::pem>},
    VariableSpec{"ssl_client_escaped_cert", &escaped},
    VariableSpec{"ssl_client_s_dn", &text_of<&ClientCertificate::subject>},
    VariableSpec{"ssl_client_i_dn", &text_of<&ClientCertificate::issuer>},
    VariableSpec{"ssl_client_s_dn_legacy", &text_of<&ClientCertificate::subject_legacy>},
    VariableSpec{"ssl_client_i_dn_legacy", &text_of<&ClientCertificate::issuer_legacy>},
    VariableSpec{"ssl_client_serial", &text_of<&ClientCertificate::serial>},
    VariableSpec{"ssl_client_fingerprint", &text_of<&ClientCertificate::fingerprint>},
    VariableSpec{"ssl_client_v_start", &text_of<&ClientCertificate::valid_from>},
    VariableSpec{"ssl_client_v_end", &text_of<&ClientCertificate::valid_to>},
    VariableSpec{"ssl_client_v_remain", &remaining},
};

}  // namespace

void describe_client_certificate(rules::Language& language) { language.add_settable_variables(variables); }

}  // namespace caisson::gateway
