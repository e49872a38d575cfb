#include "app/tls_hosts.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "gateway/tls_settings.h"

namespace caisson::app {

using gateway::Endpoint;
using gateway::TlsSettings;
using gateway::VirtualHost;

namespace {

// "ssl" on one listen of an address stands for all servers there.
bool takes_tls(const VirtualHost& host, const gateway::VirtualHosts& hosts) {
  return std::any_of(hosts.endpoints().begin(), hosts.endpoints().end(), [&](const Endpoint& endpoint) {
    return endpoint.options.ssl &&
           std::find(endpoint.hosts.begin(), endpoint.hosts.end(), &host) != endpoint.hosts.end();
  });
}

const config::SourcePos& place_of_listen(const VirtualHost& host) {
  for (const auto& listen : host.listens) {
    if (listen.options.ssl) return listen.at;
  }
  return host.at;
}

tls::ClientVerificationParameters client_verification_of(const TlsSettings& settings) {
  tls::ClientVerificationParameters p;
  switch (settings.verify_client.value_or(TlsSettings::VerifyClient::Off)) {
    case TlsSettings::VerifyClient::Off:
      return p;
    case TlsSettings::VerifyClient::On:
      p.mode = tls::ClientVerification::Required;
      break;
    case TlsSettings::VerifyClient::Optional:
      p.mode = tls::ClientVerification::Optional;
      break;
    case TlsSettings::VerifyClient::OptionalNoCa:
      p.mode = tls::ClientVerification::OptionalNoCa;
      break;
  }
  const auto take = [](const std::optional<TlsSettings::File>& file, std::string& text, std::string& path) {
    if (!file) return;
    text = file->content;
    path = file->path;
  };
  take(settings.client_certificate, p.authorities, p.authorities_path);
  take(settings.trusted_certificate, p.trusted, p.trusted_path);
  take(settings.crl, p.revoked, p.revoked_path);
  p.depth = static_cast<int>(std::min<std::uint64_t>(settings.verify_depth.value_or(1), 100));
  return p;
}

tls::ServerParameters parameters_of(const VirtualHost& host, const TlsShared* shared) {
  const TlsSettings& settings = host.level->get<TlsSettings>();
  tls::ServerParameters p;
  p.identity = host.at.str();
  if (settings.certificates && settings.keys) {
    for (std::size_t i = 0; i < std::min(settings.certificates->size(), settings.keys->size()); ++i) {
      const TlsSettings::File& chain = (*settings.certificates)[i];
      const TlsSettings::File& key = (*settings.keys)[i];
      p.certificates.push_back(
          {chain.content, key.content, chain.path, key.path, settings.passwords.value_or(std::vector<std::string>())});
    }
  }
  if (settings.protocols) {
    const auto has = [&](std::string_view name) {
      return std::any_of(settings.protocols->begin(), settings.protocols->end(),
                         [&](const std::string& p_name) { return text::iequals(p_name, name); });
    };
    p.protocols = {has("TLSv1"), has("TLSv1.1"), has("TLSv1.2"), has("TLSv1.3")};
  }
  if (settings.ciphers) p.ciphers = *settings.ciphers;
  p.prefer_server_ciphers = settings.prefer_server_ciphers.value_or(false);
  if (settings.ecdh_curve) p.ecdh_curve = *settings.ecdh_curve;
  if (settings.dhparam) {
    p.dhparam = settings.dhparam->content;
    p.dhparam_path = settings.dhparam->path;
  }
  p.clients = client_verification_of(settings);
  p.reject_handshake = settings.reject_handshake.value_or(false);
  if (settings.stapling.value_or(false) && settings.stapling_file) p.stapled = settings.stapling_file->content;
  p.record_size = settings.buffer_size.value_or(p.record_size);
  if (settings.conf_commands) p.commands = *settings.conf_commands;
  if (settings.session_timeout) {
    p.session_timeout = *settings.session_timeout;
  }
  p.session_tickets = settings.session_tickets.value_or(true);
  if (shared != nullptr) {
    if (settings.shared_session_cache.value_or(false)) {
      p.session_caching = tls::SessionCaching::Shared;
      p.session_cache = shared->sessions;
    }
    p.ticket_keys = shared->tickets;
  }
  if (settings.ticket_keys) {
    std::vector<tls::TicketKey> keys;
    for (const TlsSettings::File& file : *settings.ticket_keys) {
      if (const auto key = tls::TicketKey::parse(file.content)) keys.push_back(*key);
    }
    p.ticket_keys = std::make_shared<tls::TicketKeys>(std::move(keys));
  }
  return p;
}

bool rejects(const VirtualHost& host) { return host.level->get<TlsSettings>().reject_handshake.value_or(false); }

// Whether nobody can do without a certificate of this host: where no other host's stands in for it. ngx_http_ssl_init
bool needs_certificate(const VirtualHost& host, const gateway::VirtualHosts& hosts) {
  if (host.level->get<TlsSettings>().ssl.value_or(false)) return true;
  if (rejects(host)) return false;
  return std::any_of(hosts.endpoints().begin(), hosts.endpoints().end(), [&](const Endpoint& endpoint) {
    const bool here = std::find(endpoint.hosts.begin(), endpoint.hosts.end(), &host) != endpoint.hosts.end();
    if (!endpoint.options.ssl || !here || endpoint.default_host == nullptr) return false;
    const auto& usual = endpoint.default_host->level->get<TlsSettings>();
    return endpoint.default_host == &host || (rejects(*endpoint.default_host) && !usual.certificates);
  });
}

// nginx's errors of a server whose certificates and keys do not make pairs.
Result<void> check_pairs(const VirtualHost& host) {
  const TlsSettings& settings = host.level->get<TlsSettings>();
  const std::size_t certificates = settings.certificates ? settings.certificates->size() : 0;
  const std::size_t keys = settings.keys ? settings.keys->size() : 0;
  if (certificates == 0) {
    const bool by_directive = settings.ssl.value_or(false);
    return config::error_at(by_directive ? settings.ssl_at : place_of_listen(host),
                            std::string("no \"ssl_certificate\" is defined for the \"") +
                                (by_directive ? "ssl" : "listen ... ssl") + "\" directive");
  }
  if (keys < certificates) {
    const TlsSettings::File& lone = (*settings.certificates)[keys];
    return config::error_at(lone.at, "no \"ssl_certificate_key\" is defined for certificate \"" + lone.path + '"');
  }
  return {};
}

// Whether all its files could be read; where one could not, that has been told.
bool is_readable(const VirtualHost& host) {
  const TlsSettings& settings = host.level->get<TlsSettings>();
  const auto readable = [](const TlsSettings::File& file) { return !file.content.empty(); };
  return std::all_of(settings.certificates->begin(), settings.certificates->end(), readable) &&
         std::all_of(settings.keys->begin(), settings.keys->end(), readable);
}

}  // namespace

TlsFindings check_tls(const gateway::VirtualHosts& hosts) {
  TlsFindings findings;
  for (const auto& host : hosts.hosts()) {
    if (!takes_tls(*host, hosts)) continue;
    const bool has_none = !host->level->get<TlsSettings>().certificates;
    if (has_none && !needs_certificate(*host, hosts)) continue;
    if (Result<void> pairs = check_pairs(*host); !pairs.ok()) {
      findings.errors.push_back(std::move(pairs).error());
      continue;
    }
    if (!is_readable(*host)) continue;
    const config::SourcePos& at = host->level->get<TlsSettings>().certificates->front().at;
    const tls::ServerParameters parameters = parameters_of(*host, nullptr);
    if (Result<tls::ServerContext> made = tls::ServerContext::make(parameters); !made.ok()) {
      findings.errors.push_back(config::error_at(at, made.error().what));
      continue;
    }
    std::vector<std::string> names;
    for (const gateway::ServerName& name : host->names) {
      if (!name.regex) names.push_back(name.text);
    }
    for (const tls::CertificatePem& pem : parameters.certificates) {
      Result<tls::Certificate> certificate = tls::Certificate::load(pem);
      if (!certificate.ok()) continue;
      for (const std::string& advice : certificate.value().advice(names, std::chrono::system_clock::now())) {
        findings.warnings.push_back(config::error_at(at, advice).what);
      }
    }
  }
  return findings;
}

std::vector<CertificateTerm> certificate_terms(const gateway::VirtualHosts& hosts) {
  std::vector<CertificateTerm> terms;
  for (const auto& host : hosts.hosts()) {
    if (!takes_tls(*host, hosts)) continue;
    for (const tls::CertificatePem& pem : parameters_of(*host, nullptr).certificates) {
      const Result<tls::Certificate> certificate = tls::Certificate::load(pem);
      if (!certificate.ok()) continue;
      terms.push_back(
          {pem.chain_path, host->names.empty() ? "" : host->names.front().text, certificate.value().expires()});
    }
  }
  return terms;
}

std::vector<std::shared_ptr<const tls::ServerHosts>> make_tls_hosts(
    const std::shared_ptr<const gateway::VirtualHosts>& hosts, const TlsShared& shared) {
  auto contexts = std::make_shared<std::map<const VirtualHost*, std::shared_ptr<const tls::ServerContext>>>();
  for (const auto& host : hosts->hosts()) {
    if (!takes_tls(*host, *hosts) || (!host->level->get<TlsSettings>().certificates && !rejects(*host))) continue;
    Result<tls::ServerContext> made = tls::ServerContext::make(parameters_of(*host, &shared));
    if (made.ok()) (*contexts)[host.get()] = std::make_shared<tls::ServerContext>(std::move(made).value());
  }
  std::vector<std::shared_ptr<const tls::ServerHosts>> all;
  for (const Endpoint& endpoint : hosts->endpoints()) {
    if (!endpoint.options.ssl) {
      all.push_back(nullptr);
      continue;
    }
    auto made = std::make_shared<tls::ServerHosts>();
    made->fallback = (*contexts)[endpoint.default_host];
    made->find = [contexts, hosts, &endpoint](std::string_view name) -> std::shared_ptr<const tls::ServerContext> {
      const auto found = contexts->find(endpoint.find(name).host);
      return found == contexts->end() ? nullptr : found->second;
    };
    all.push_back(std::move(made));
  }
  return all;
}

}  // namespace caisson::app
