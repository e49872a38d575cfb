#include "upstream/upstreams.h"

#include "base/text.h"

namespace caisson::upstream {

bool Upstreams::has(std::string_view name) const { return named_.find(text::lowered(name)) != named_.end(); }

void Upstreams::add(std::string name, UpstreamBlock block) {
  Named made;
  std::shared_ptr<const Balancer> balancer = block.balancer ? block.balancer(block.servers) : nullptr;
  made.servers =
      std::make_shared<ServerGroup>(name, std::move(block.servers), std::move(balancer), block.keep_alive, names_);
  made.idle = std::make_shared<ExternalBackend::Idle>();
  named_.emplace(text::lowered(name), std::move(made));
}

void Upstreams::add(std::string name, std::shared_ptr<http::Handler> embedded) {
  Named made;
  made.embedded = std::move(embedded);
  named_.emplace(text::lowered(name), std::move(made));
}

bool Upstreams::is_embedded(const ProxyUrl& url) const {
  const auto named = named_.find(text::lowered(url.server.host));
  return named != named_.end() && named->second.embedded != nullptr;
}

Upstreams::Named Upstreams::unnamed(const ProxyUrl& url) const {
  Named made;
  auto server = std::make_shared<Server>();
  server->name = url.proxy_host;
  server->at = url.server;
  ServerGroup::Servers one{std::move(server)};
  made.servers = std::make_shared<ServerGroup>(url.proxy_host, std::move(one), nullptr, KeepAlive(), names_);
  made.idle = strangers_;
  return made;
}

Result<std::shared_ptr<http::Handler>> Upstreams::backend_for(const ProxyUrl& url, std::shared_ptr<TlsProfile> tls,
                                                              Lifetime lifetime) {
  if (!url.tls) tls.reset();
  Named found;
  if (const auto named = named_.find(text::lowered(url.server.host)); named != named_.end()) {
    if (url.server.has_port) {
      return Error{ErrorCode::BadConfig,
                   "upstream \"" + url.server.host + "\" may not have port " + std::to_string(url.server.port)};
    }
    if (named->second.embedded) return named->second.embedded;
    found = named->second;
  } else if (lifetime == Lifetime::Call) {
    found = unnamed(url);
  } else {
    const std::string place =
        url.server.unix_path.empty() ? url.server.host + ' ' + url.proxy_port : "unix:" + url.server.unix_path;
    auto known = by_address_.find(place);
    if (known == by_address_.end()) {
      known = by_address_.emplace(place, unnamed(url)).first;
      known->second.idle = std::make_shared<ExternalBackend::Idle>();
    }
    found = known->second;
  }
  return std::shared_ptr<http::Handler>(
      std::make_shared<ExternalBackend>(std::move(found.servers), std::move(tls), std::move(found.idle)));
}

}  // namespace caisson::upstream
