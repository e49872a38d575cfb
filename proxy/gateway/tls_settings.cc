#include "gateway/tls_settings.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "rules/checks.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

void TlsSettings::inherit(const TlsSettings& outer) {
  if (!ssl && outer.ssl) {
    ssl = outer.ssl;
    ssl_at = outer.ssl_at;
  }
  rules::inherit(certificates, outer.certificates);
  rules::inherit(keys, outer.keys);
  rules::inherit(protocols, outer.protocols);
  rules::inherit(ciphers, outer.ciphers);
  rules::inherit(prefer_server_ciphers, outer.prefer_server_ciphers);
  rules::inherit(ecdh_curve, outer.ecdh_curve);
  rules::inherit(dhparam, outer.dhparam);
  rules::inherit(shared_session_cache, outer.shared_session_cache);
  rules::inherit(session_timeout, outer.session_timeout);
  rules::inherit(session_tickets, outer.session_tickets);
  rules::inherit(verify_client, outer.verify_client);
  rules::inherit(verify_depth, outer.verify_depth);
  rules::inherit(client_certificate, outer.client_certificate);
  rules::inherit(trusted_certificate, outer.trusted_certificate);
  rules::inherit(crl, outer.crl);
  rules::inherit(passwords, outer.passwords);
  rules::inherit(conf_commands, outer.conf_commands);
  rules::inherit(reject_handshake, outer.reject_handshake);
  rules::inherit(ticket_keys, outer.ticket_keys);
  rules::inherit(stapling, outer.stapling);
  rules::inherit(stapling_file, outer.stapling_file);
  rules::inherit(buffer_size, outer.buffer_size);
}

namespace {

Result<TlsSettings::File> read_pem(Loader& loader, const Directive& d, std::string_view what) {
  TlsSettings::File file;
  constexpr std::string_view in_place = "data:";  // the text itself
  if (d.args[0].starts_with(in_place)) return TlsSettings::File{"data:", d.args[0].substr(in_place.size()), d.at};
  file.path = loader.from_conf(d.args[0]);
  file.at = d.at;
  for (const std::string& arg : d.args) {
    const std::string path = loader.from_conf(arg);
    Result<std::string> content = loader.files().read(path);
    if (!content.ok()) {
      return config::error_at(d.at, "cannot load " + std::string(what) + " \"" + path + "\": " + content.error().what);
    }
    file.content += content.value();
    if (d.args.size() > 1) file.content += '\n';
  }
  return file;
}

// The first variable in a text, with its "$"; "" when there is none.
std::string_view variable_in(std::string_view text) {
  text.remove_prefix(std::min(text.find('$'), text.size()));
  const bool braced = text.starts_with("${");
  const std::size_t end =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", text.empty() ? 0
                                                                                                : braced     ? 2
                                                                                                             : 1);
  return text.substr(0, braced && end != std::string_view::npos ? end + 1 : end);
}

// Certificates and keys are read by who may read them, before anybody connects.
Result<TlsSettings::File> read_pair_member(Loader& loader, const Directive& d, std::string_view what) {
  const std::string_view variable = variable_in(d.args[0]);
  if (variable.empty()) return read_pem(loader, d, what);
  return config::error_at(d.at, "\"" + d.name + "\" takes no variables, and \"" + std::string(variable) + "\" is one",
                          "give each name a server block with its own certificate; they may share an address");
}

template <auto Member>
Result<void> add_pem(Loader& loader, const Directive& d) {
  constexpr bool key = Member == &TlsSettings::keys;
  auto& files = loader.level().own<TlsSettings>().*Member;
  if (!files) files.emplace();
  Result<TlsSettings::File> file = read_pair_member(loader, d, key ? "certificate key" : "certificate");
  if (!file.ok()) {
    // Its place stays, so that nobody says that there is none.
    files->push_back({loader.from_conf(d.args[0]), {}, d.at});
    return std::move(file).error();
  }
  files->push_back(std::move(file).value());
  return {};
}

template <auto Member>
Result<void> set_pem(Loader& loader, const Directive& d) {
  auto& target = loader.level().own<TlsSettings>().*Member;
  if (target) return config::config_error(d, "is duplicate");
  Result<TlsSettings::File> file =
      read_pem(loader, d, Member == &TlsSettings::dhparam ? "DH parameters" : "certificate");
  if (!file.ok()) return std::move(file).error();
  target = std::move(file).value();
  return {};
}

Result<void> set_verify_client(Loader& loader, const Directive& d) {
  using Verify = TlsSettings::VerifyClient;
  static constexpr std::array<std::pair<std::string_view, Verify>, 4> modes = {
      {{"off", Verify::Off},
       {"on", Verify::On},
       {"optional", Verify::Optional},
       {"optional_no_ca", Verify::OptionalNoCa}}};
  auto& target = loader.level().own<TlsSettings>().verify_client;
  if (target) return config::config_error(d, "is duplicate");
  for (const auto& [name, mode] : modes) {
    if (name != d.args[0]) continue;
    target = mode;
    return {};
  }
  return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
}

// OCSP of clients' certificates narrows access, so "on" may not pass for done.
Result<void> refuse_ocsp(Loader&, const Directive& d) {
  if (d.args[0] == "off") return {};
  return config::error_at(d.at, "\"ssl_ocsp " + d.args[0] + "\" is not supported",
                          "use \"ssl_crl\" with revocation lists");
}

Result<void> set_ssl(Loader& loader, const Directive& d) {
  auto& settings = loader.level().own<TlsSettings>();
  if (settings.ssl) return config::config_error(d, "is duplicate");
  const Result<bool> on = config::flag_arg(d);
  if (!on.ok()) return on.error();
  settings.ssl = on.value();
  settings.ssl_at = d.at;
  loader.warn(d.at, "the \"ssl\" directive is deprecated and gone from nginx 1.25.1 on",
              "write \"listen ... ssl;\" instead");
  return {};
}

Result<void> set_protocols(Loader& loader, const Directive& d) {
  static constexpr std::array<std::string_view, 6> known = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};
  auto& settings = loader.level().own<TlsSettings>();
  // Several lines add up, as nginx takes them (ngx_conf_set_bitmask_slot).
  for (const std::string& name : d.args) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](auto k) { return text::iequals(k, name); });
    if (!is_known) return config::error_at(d.at, "invalid value \"" + name + "\"");
  }
  if (!settings.protocols) settings.protocols.emplace();
  settings.protocols->insert(settings.protocols->end(), d.args.begin(), d.args.end());
  return {};
}

// One password a line. ngx_ssl_read_password_file
Result<void> set_passwords(Loader& loader, const Directive& d) {
  auto& passwords = loader.level().own<TlsSettings>().passwords;
  if (passwords) return config::config_error(d, "is duplicate");
  const std::string path = loader.from_conf(d.args[0]);
  const Result<std::string> content = loader.files().read(path);
  if (!content.ok())
    return config::error_at(d.at, "cannot open password file \"" + path + "\": " + content.error().what);
  passwords.emplace();
  for (std::string_view line : text::split(content.value(), '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) passwords->emplace_back(line);
  }
  return {};
}

Result<void> add_conf_command(Loader& loader, const Directive& d) {
  auto& commands = loader.level().own<TlsSettings>().conf_commands;
  if (!commands) commands.emplace();
  commands->emplace_back(d.args[0], d.args[1]);
  return {};
}

Result<void> add_ticket_key(Loader& loader, const Directive& d) {
  Result<TlsSettings::File> file = read_pem(loader, d, "session ticket key");
  if (!file.ok()) return std::move(file).error();
  const std::size_t size = file.value().content.size();
  if (size != 48 && size != 80) return config::error_at(d.at, '"' + file.value().path + "\" must be 48 or 80 bytes");
  auto& keys = loader.level().own<TlsSettings>().ticket_keys;
  if (!keys) keys.emplace();
  keys->push_back(std::move(file).value());
  return {};
}

Result<void> set_session_cache(Loader& loader, const Directive& d) {
  auto& settings = loader.level().own<TlsSettings>();
  for (const std::string& arg : d.args) {
    if (arg == "off" || arg == "none") {
      settings.shared_session_cache = false;
    } else if (arg == "builtin" || arg.starts_with("builtin:") || arg.starts_with("shared:")) {
      settings.shared_session_cache = true;
    } else {
      return config::error_at(d.at, "invalid session cache \"" + arg + '"');
    }
  }
  return {};
}

constexpr std::string_view no_early_data = "early data can be replayed, so clients send it after the handshake";
constexpr std::string_view no_responder = "only what \"ssl_stapling_file\" holds is stapled";

constexpr unsigned http_server = rules::Http | rules::Server;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"ssl", http_server, 1, 1, none, &set_ssl},
    DirectiveSpec{"ssl_certificate", http_server, 1, 1, none, &add_pem<&TlsSettings::certificates>},
    DirectiveSpec{"ssl_certificate_key", http_server, 1, 1, none, &add_pem<&TlsSettings::keys>},
    DirectiveSpec{"ssl_protocols", http_server, 1, rules::any_number, none, &set_protocols},
    DirectiveSpec{"ssl_ciphers", http_server, 1, 1, none, &rules::set_text<&TlsSettings::ciphers>},
    DirectiveSpec{"ssl_prefer_server_ciphers", http_server, 1, 1, none,
                  &rules::set_flag<&TlsSettings::prefer_server_ciphers>},
    DirectiveSpec{"ssl_ecdh_curve", http_server, 1, 1, none, &rules::set_text<&TlsSettings::ecdh_curve>},
    DirectiveSpec{"ssl_dhparam", http_server, 1, 1, none, &set_pem<&TlsSettings::dhparam>},
    DirectiveSpec{"ssl_session_cache", http_server, 1, 2, none, &set_session_cache},
    DirectiveSpec{"ssl_session_timeout", http_server, 1, 1, none, &rules::set_seconds<&TlsSettings::session_timeout>},
    DirectiveSpec{"ssl_session_tickets", http_server, 1, 1, none, &rules::set_flag<&TlsSettings::session_tickets>},
    DirectiveSpec{"ssl_verify_client", http_server, 1, 1, none, &set_verify_client},
    DirectiveSpec{"ssl_verify_depth", http_server, 1, 1, none, &rules::set_number<&TlsSettings::verify_depth>},
    // several files, beyond nginx: registry:2's clientcas is a list
    DirectiveSpec{"ssl_client_certificate", http_server, 1, rules::any_number, none,
                  &set_pem<&TlsSettings::client_certificate>},
    DirectiveSpec{"ssl_trusted_certificate", http_server, 1, 1, none, &set_pem<&TlsSettings::trusted_certificate>},
    DirectiveSpec{"ssl_crl", http_server, 1, 1, none, &set_pem<&TlsSettings::crl>},
    DirectiveSpec{"ssl_ocsp", http_server, 1, 1, none, &refuse_ocsp},
    DirectiveSpec{"ssl_password_file", http_server, 1, 1, none, &set_passwords},
    DirectiveSpec{"ssl_conf_command", http_server, 2, 2, none, &add_conf_command},
    DirectiveSpec{"ssl_reject_handshake", http_server, 1, 1, none, &rules::set_flag<&TlsSettings::reject_handshake>},
    DirectiveSpec{"ssl_session_ticket_key", http_server, 1, 1, none, &add_ticket_key},
    DirectiveSpec{"ssl_buffer_size", http_server, 1, 1, none, &rules::set_size<&TlsSettings::buffer_size>},
    DirectiveSpec{"ssl_early_data", http_server, 1, 1, none, rules::check_flag, no_early_data},
    // what ssl_stapling_file holds is stapled; nobody asks an OCSP responder
    DirectiveSpec{"ssl_stapling", http_server, 1, 1, none, &rules::set_flag<&TlsSettings::stapling>},
    DirectiveSpec{"ssl_stapling_file", http_server, 1, 1, none, &set_pem<&TlsSettings::stapling_file>},
    DirectiveSpec{"ssl_stapling_responder", http_server, 1, 1, none, rules::check_once, no_responder},
    DirectiveSpec{"ssl_stapling_verify", http_server, 1, 1, none, rules::check_flag, no_responder},
};

// A text that the handshake left; nothing where it left none.
template <auto Member>
rules::Value from_handshake(rules::RequestState& state, std::string_view) {
  const std::string& text = state.exchange.connection().*Member;
  return text.empty() ? rules::Value() : rules::Value(text);
}

rules::Value session_reused(rules::RequestState& state, std::string_view) {
  const http::ConnectionInfo& connection = state.exchange.connection();
  if (!connection.tls) return std::nullopt;
  return connection.tls_session_reused ? "r" : ".";
}

using http::ConnectionInfo;
using rules::VariableSpec;

constexpr std::array variables = {
    VariableSpec{"ssl_protocol", &from_handshake<&ConnectionInfo::tls_protocol>},
    VariableSpec{"ssl_cipher", &from_handshake<&ConnectionInfo::tls_cipher>},
    VariableSpec{"ssl_ciphers", &from_handshake<&ConnectionInfo::tls_ciphers>},
    VariableSpec{"ssl_curve", &from_handshake<&ConnectionInfo::tls_curve>},
    VariableSpec{"ssl_curves", &from_handshake<&ConnectionInfo::tls_curves>},
    VariableSpec{"ssl_server_name", &from_handshake<&ConnectionInfo::tls_server_name>},
    VariableSpec{"ssl_session_id", &from_handshake<&ConnectionInfo::tls_session_id>},
    VariableSpec{"ssl_session_reused", &session_reused},
    // No data is taken before the end of the handshake.
    VariableSpec{"ssl_early_data", [](rules::RequestState&, std::string_view) -> rules::Value { return std::nullopt; }},
};

}  // namespace

void describe_tls_settings(rules::Language& language) {
  language.add_directives(directives);
  language.add_settable_variables(variables);
}

}  // namespace caisson::gateway
