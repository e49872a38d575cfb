// proxy_pass: makes the client's request into the one that the backend is to see, has the backend answer it, and makes
// its response into the one that the client is to see. What the backend is, servers outside or the registry inside,
// it does not know: both are http::Handlers.
//
// Ownership: part of the settings; shares the backend. Threading: as http::Handler.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "http/handler.h"
#include "rules/phases.h"
#include "rules/template.h"
#include "upstream/proxy_url.h"
#include "upstream/redirect.h"
#include "upstream/settings.h"
#include "upstream/upstreams.h"

namespace caisson::upstream {

class ProxyPass final : public http::Handler, public rules::RegistryFront {
 public:
  // One with variables is read anew for each request.
  ProxyPass(rules::Template url, std::shared_ptr<Upstreams> upstreams, const rules::Level& level, config::SourcePos at)
      : url_(std::move(url)), upstreams_(std::move(upstreams)), level_(level), at_(std::move(at)) {}

  // Ties it to its backend, once all upstreams are known and settings are inherited.
  Result<void> bind();

  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override;

  // After bind(). One with variables does not say.
  bool leads_to_registry() const noexcept override { return embedded_; }
  std::string wanted_accesses(const rules::RequestState& state) const override;

  const config::SourcePos& at() const noexcept { return at_; }
  const rules::Level& level() const noexcept { return level_; }

 private:
  struct Destination {
    ProxyUrl url;
    std::shared_ptr<http::Handler> backend;
  };
  Result<void> bind_tls(bool tls);
  void make_default_redirect();
  // Where this request goes; or the status to be answered, having logged why.
  using Found = std::variant<Destination, unsigned>;
  async::Task<Found> destination(rules::RequestState& state) const;

  const rules::Template url_;
  const std::shared_ptr<Upstreams> upstreams_;
  const rules::Level& level_;  // where it is written
  const config::SourcePos at_;
  std::optional<Destination> fixed_;  // without variables
  bool embedded_ = false;
  std::shared_ptr<TlsProfile> tls_;
  DefaultRedirect usual_;
  std::atomic<bool> repair_noted_{false};
};

}  // namespace caisson::upstream
