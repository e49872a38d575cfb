// resolver, resolver_timeout: the name servers that are asked for hosts out of variables. ngx_http_core_resolver
//
// Ownership: shared by all levels where the directive is in force. Threading: here() from any loop; each has a cache of
// its own.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "async/per_loop.h"
#include "net/name_servers.h"
#include "rules/language.h"

namespace caisson::upstream {

class DnsService {
 public:
  explicit DnsService(net::NameServerSettings settings) : settings_(std::move(settings)) {}
  net::NameServers& here();

 private:
  const net::NameServerSettings settings_;
  async::PerLoop<std::optional<net::NameServers>> clients_;
};

struct NameSettings {
  std::optional<std::shared_ptr<DnsService>> servers;
  std::optional<std::chrono::milliseconds> timeout;

  void inherit(const NameSettings& outer) {
    rules::inherit(servers, outer.servers);
    rules::inherit(timeout, outer.timeout);
  }
};

void describe_resolver(rules::Language& language);

}  // namespace caisson::upstream
