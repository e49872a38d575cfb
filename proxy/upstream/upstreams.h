// All upstreams of a configuration: those with a block, and those that a proxy_pass names by an address.
//
// Ownership: shared by the proxy_passes. Threading: filled while loading, read-only afterwards.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/directive.h"
#include "http/handler.h"
#include "upstream/external_backend.h"
#include "upstream/proxy_url.h"
#include "upstream/server_group.h"
#include "upstream/tls_profile.h"

namespace caisson::upstream {

// What an `upstream` block says, as its directives fill it.
struct UpstreamBlock {
  ServerGroup::Servers servers;
  KeepAlive keep_alive;
  bool keep_alive_set = false;                                                           // by `keepalive`
  std::function<std::shared_ptr<const Balancer>(const ServerGroup::Servers&)> balancer;  // empty: round robin
  std::string_view unsupported;  // a parameter of servers that the balancing method does not know
};

class Upstreams {
 public:
  explicit Upstreams(async::BlockingPool* names) : names_(std::make_shared<NameService>(names)) {}

  // Names are compared without case.
  bool has(std::string_view name) const;
  // An upstream block: either servers, or what stands in their place.
  void add(std::string name, UpstreamBlock block);
  void add(std::string name, std::shared_ptr<http::Handler> embedded);

  // Whether something stands in the place of servers behind a URL's host.
  bool is_embedded(const ProxyUrl& url) const;

  // The handler behind the host of a URL without variables: it is kept, with its state and connections. The error is
  // nginx's.
  Result<std::shared_ptr<http::Handler>> backend_for(const ProxyUrl& url, std::shared_ptr<TlsProfile> tls);

  // For a URL out of variables: the upstream of that name, the server that a proxy_pass without variables names, or an
  // address. Null for a name that has to be looked up. From any loop.
  std::shared_ptr<http::Handler> known_backend(const ProxyUrl& url, std::shared_ptr<TlsProfile> tls) const;
  // For such a name: its addresses as servers. Nothing of it is kept but its connections. From any loop.
  std::shared_ptr<http::Handler> backend_at(const ProxyUrl& url, const std::vector<net::Address>& addresses,
                                            std::shared_ptr<TlsProfile> tls) const;

 private:
  struct Named {
    std::shared_ptr<http::Handler> embedded;
    std::shared_ptr<ServerGroup> servers;
    std::shared_ptr<ExternalBackend::Idle> idle;
  };
  Named made_of(const ProxyUrl& url, ServerGroup::Servers servers) const;
  Named unnamed(const ProxyUrl& url) const;
  static std::string place_of(const ProxyUrl& url);
  static std::shared_ptr<http::Handler> handler_of(const Named& named, const ProxyUrl& url,
                                                   std::shared_ptr<TlsProfile> tls);

  const std::shared_ptr<NameService> names_;
  std::map<std::string, Named> named_;       // in lower case
  std::map<std::string, Named> by_address_;  // of proxy_passes without variables
  const std::shared_ptr<ExternalBackend::Idle> strangers_ = std::make_shared<ExternalBackend::Idle>();
};

}  // namespace caisson::upstream
