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
  // Checks certificates and ciphers once, so that here() can only fail for want of memory.
  static Result<std::shared_ptr<TlsProfile>> make(const ProxySettings& settings);

  const tls::ClientContext& here();

  explicit TlsProfile(tls::ClientParameters parameters) : parameters_(std::move(parameters)) {}

 private:
  const tls::ClientParameters parameters_;
  async::PerLoop<std::optional<tls::ClientContext>> contexts_;
};

}  // namespace caisson::upstream
