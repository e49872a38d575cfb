#include "upstream/tls_profile.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "config/source.h"

namespace caisson::upstream {

namespace {

tls::Protocols protocols_of(const std::vector<std::string>& names) {
  const auto has = [&](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  tls::Protocols protocols;
  protocols.tls1_0 = has("TLSv1");
  protocols.tls1_1 = has("TLSv1.1");
  protocols.tls1_2 = has("TLSv1.2");
  protocols.tls1_3 = has("TLSv1.3");
  return protocols;
}

bool has_variables(const ProxySettings& settings) {
  return settings.ssl_certificate && settings.ssl_certificate_key &&
         !(settings.ssl_certificate->name.constant() && settings.ssl_certificate_key->name.constant());
}

tls::CertificatePem pem_of(const ProxySettings& settings, const PemFile& chain, const PemFile& key) {
  tls::CertificatePem pem;
  pem.chain = chain.content;
  pem.chain_path = chain.path;
  pem.key = key.content;
  pem.key_path = key.path;
  if (settings.ssl_passwords) pem.passwords = *settings.ssl_passwords;
  return pem;
}

Result<PemFile> file_of(const TlsFile& named, rules::RequestState& state) {
  if (named.name.constant()) return named.file;
  PemFile file;
  file.path = named.path(state);
  Result<std::string> content = config::FileSource().read(file.path);
  if (!content.ok()) return std::move(content).error();
  file.content = std::move(content).value();
  return file;
}

}  // namespace

Result<std::shared_ptr<TlsProfile>> TlsProfile::make(const ProxySettings& settings) {
  tls::ClientParameters parameters;
  if (settings.ssl_protocols) parameters.protocols = protocols_of(*settings.ssl_protocols);
  if (settings.ssl_ciphers) parameters.ciphers = *settings.ssl_ciphers;
  parameters.verify = settings.ssl_verify.value_or(false);
  parameters.verify_depth = static_cast<int>(settings.ssl_verify_depth.value_or(1));
  if (settings.ssl_trusted_certificate) {
    parameters.trusted = settings.ssl_trusted_certificate->content;
    parameters.trusted_path = settings.ssl_trusted_certificate->path;
  }
  if (parameters.verify && !settings.ssl_trusted_certificate) {
    return Error{ErrorCode::BadConfig, "no proxy_ssl_trusted_certificate for proxy_ssl_verify"};
  }
  if (settings.ssl_crl) {
    parameters.revoked = settings.ssl_crl->content;
    parameters.revoked_path = settings.ssl_crl->path;
  }
  parameters.session_reuse = settings.ssl_session_reuse.value_or(true);
  if (settings.ssl_conf_commands) parameters.conf_commands = *settings.ssl_conf_commands;
  if (settings.ssl_certificate && !settings.ssl_certificate->name.source().empty()) {
    if (!settings.ssl_certificate_key) {
      return Error{ErrorCode::BadConfig, "no \"proxy_ssl_certificate_key\" is defined for certificate \"" +
                                             settings.ssl_certificate->name.source() + '"'};
    }
    if (!has_variables(settings)) {
      parameters.certificate = pem_of(settings, settings.ssl_certificate->file, settings.ssl_certificate_key->file);
    }
  }
  if (Result<tls::ClientContext> tried = tls::ClientContext::make(parameters); !tried.ok()) {
    return std::move(tried).error();
  }
  return std::make_shared<TlsProfile>(settings, std::move(parameters));
}

bool TlsProfile::by_request() const noexcept { return has_variables(settings_); }

std::string TlsProfile::certificate_path(rules::RequestState& state) const {
  return by_request() ? settings_.ssl_certificate->path(state) : std::string();
}

Result<tls::ClientContext> TlsProfile::here(rules::RequestState& state) {
  // As nginx, such a certificate is read anew for each connection.
  if (by_request() && !certificate_path(state).empty()) {
    Result<PemFile> chain = file_of(*settings_.ssl_certificate, state);
    if (!chain.ok()) return std::move(chain).error();
    Result<PemFile> key = file_of(*settings_.ssl_certificate_key, state);
    if (!key.ok()) return std::move(key).error();
    tls::ClientParameters parameters = parameters_;
    parameters.certificate = pem_of(settings_, chain.value(), key.value());
    return tls::ClientContext::make(parameters);
  }
  std::optional<tls::ClientContext>& context = contexts_.get();
  if (!context) {
    Result<tls::ClientContext> made = tls::ClientContext::make(parameters_);
    if (!made.ok()) return made;
    context = std::move(made).value();
  }
  return context->share();
}

}  // namespace caisson::upstream
