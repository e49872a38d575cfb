#include "upstream/tls_profile.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

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
  if (Result<tls::ClientContext> tried = tls::ClientContext::make(parameters); !tried.ok()) {
    return std::move(tried).error();
  }
  return std::make_shared<TlsProfile>(std::move(parameters));
}

const tls::ClientContext& TlsProfile::here() {
  std::optional<tls::ClientContext>& context = contexts_.get();
  if (!context) {
    Result<tls::ClientContext> made = tls::ClientContext::make(parameters_);
    if (!made.ok()) throw std::runtime_error(made.error().what);
    context = std::move(made).value();
  }
  return *context;
}

}  // namespace caisson::upstream
