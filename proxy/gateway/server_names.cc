#include "gateway/server_names.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace caisson::gateway {

namespace {

bool valid_wildcard(std::string_view name) {
  if (std::count(name.begin(), name.end(), '*') > 1 || name.find("..") != std::string_view::npos) return false;
  return name.find('*') == std::string_view::npos || name.starts_with("*.") || name.ends_with(".*");
}

// The names of one address, each with its first server.
class Names {
 public:
  // The server that has the name already, or null.
  const VirtualHost* add(std::string_view name, const VirtualHost& host) {
    if (name.starts_with('.')) {
      // ".a" is "a" and "*.a".
      const VirtualHost* exact = put("=" + std::string(name.substr(1)), host);
      return exact != nullptr ? exact : put("*" + std::string(name), host);
    }
    return put((name.find('*') == std::string_view::npos ? "=" : "") + std::string(name), host);
  }

 private:
  const VirtualHost* put(std::string key, const VirtualHost& host) {
    const auto [at, added] = first_.emplace(std::move(key), &host);
    return added ? nullptr : at->second;
  }

  std::map<std::string, const VirtualHost*> first_;
};

}  // namespace

void check_server_names(rules::Loader& loader, const VirtualHosts& hosts) {
  static const std::vector<ServerName> unnamed(1);
  for (const Endpoint& endpoint : hosts.endpoints()) {
    if (endpoint.hosts.size() < 2) continue;
    Names names;
    for (const VirtualHost* host : endpoint.hosts) {
      for (const ServerName& name : host->names.empty() ? unnamed : host->names) {
        if (name.regex) continue;
        const std::string on = '"' + name.text + "\" on " + endpoint.address.str();
        if (!valid_wildcard(name.text)) {
          loader.note({ErrorCode::BadConfig, "invalid server name or wildcard " + on});
        } else if (const VirtualHost* other = names.add(name.text, *host)) {
          loader.warn("conflicting server name " + on + ", ignored (in the server of " + host->at.str() + ", that of " +
                      other->at.str() + " has it already)");
        }
      }
    }
  }
}

}  // namespace caisson::gateway
