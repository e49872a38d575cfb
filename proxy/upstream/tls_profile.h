// How https backends of one proxy_pass are spoken to: the proxy_ssl_* directives in force there.
//
// Threading: here() from any loop; each gets a context of its own, since OpenSSL takes locks on shared ones.
#pragma once

#include <memory>
#include <optional>

#include "async/per_loop.h"
#include "base/result.h"
#include "tls/context.h"
#include "upstream/settings.h"

namespace caisson::upstream {

class TlsProfile {
 public:
  // Checks certificates and ciphers once, so that here() can only fail for want of memory, or because of a certificate
  // that is named with variables. `settings` outlive it.
  static Result<std::shared_ptr<TlsProfile>> make(const ProxySettings& settings);

  // What tells connections with one client certificate from those with another: its path, where that has variables.
  std::string certificate_path(rules::RequestState& state) const;
  // The context for this request. The error is for the log: a certificate that cannot be loaded.
  Result<tls::ClientContext> here(rules::RequestState& state);

  TlsProfile(const ProxySettings& settings, tls::ClientParameters parameters)
      : settings_(settings), parameters_(std::move(parameters)) {}

 private:
  bool by_request() const noexcept;

  const ProxySettings& settings_;
  const tls::ClientParameters parameters_;
  async::PerLoop<std::optional<tls::ClientContext>> contexts_;
};

}  // namespace caisson::upstream
