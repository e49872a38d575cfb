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

Upstreams::Named Upstreams::made_of(const ProxyUrl& url, ServerGroup::Servers servers) const {
  Named made;
  made.servers = std::make_shared<ServerGroup>(url.proxy_host, std::move(servers), nullptr, KeepAlive(), names_);
  made.idle = strangers_;
  return made;
}

Upstreams::Named Upstreams::unnamed(const ProxyUrl& url) const {
  auto server = std::make_shared<Server>();
  server->name = url.proxy_host;
  server->at = url.server;
  ServerGroup::Servers one{std::move(server)};
  return made_of(url, std::move(one));
}

std::string Upstreams::place_of(const ProxyUrl& url) {
  if (!url.server.unix_path.empty()) return "unix:" + url.server.unix_path;
  return text::lowered(url.server.host) + ' ' + url.proxy_port;
}

std::shared_ptr<http::Handler> Upstreams::handler_of(const Named& named, const ProxyUrl& url,
                                                     std::shared_ptr<TlsProfile> tls) {
  if (named.embedded) return named.embedded;
  if (!url.tls) tls.reset();
  return std::make_shared<ExternalBackend>(named.servers, std::move(tls), named.idle);
}

Result<std::shared_ptr<http::Handler>> Upstreams::backend_for(const ProxyUrl& url, std::shared_ptr<TlsProfile> tls) {
  if (const auto named = named_.find(text::lowered(url.server.host)); named != named_.end()) {
    if (url.server.has_port) {
      return Error{ErrorCode::BadConfig,
                   "upstream \"" + url.server.host + "\" may not have port " + std::to_string(url.server.port)};
    }
    return handler_of(named->second, url, std::move(tls));
  }
  Named& known = by_address_[place_of(url)];
  if (!known.servers) {
    known = unnamed(url);
    known.idle = std::make_shared<ExternalBackend::Idle>();
  }
  return handler_of(known, url, std::move(tls));
}

std::shared_ptr<http::Handler> Upstreams::known_backend(const ProxyUrl& url, std::shared_ptr<TlsProfile> tls) const {
  if (!url.server.has_port) {
    const auto named = named_.find(text::lowered(url.server.host));
    if (named != named_.end()) return handler_of(named->second, url, std::move(tls));
  }
  const auto known = by_address_.find(place_of(url));
  if (known != by_address_.end()) return handler_of(known->second, url, std::move(tls));
  if (!url.server.numeric()) return nullptr;
  return handler_of(unnamed(url), url, std::move(tls));
}

std::shared_ptr<http::Handler> Upstreams::backend_at(const ProxyUrl& url, const std::vector<net::Address>& addresses,
                                                     std::shared_ptr<TlsProfile> tls) const {
  ServerGroup::Servers servers;
  for (const net::Address& address : addresses) {
    auto server = std::make_shared<Server>();
    server->name = address.text();
    server->at.host = address.ip();
    server->at.port = address.port();
    server->at.has_port = true;
    servers.push_back(std::move(server));
  }
  return handler_of(made_of(url, std::move(servers)), url, std::move(tls));
}

}  // namespace caisson::upstream
