// Which server block answers: by the address that the connection came to, then by the name that the client asked for
// (SNI, Host). ngx_http_core_module: listen, server_name.
//
// Ownership: part of the settings. Threading: read-only after loading.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/directive.h"
#include "gateway/listen.h"
#include "rules/level.h"
#include "rules/loader.h"
#include "rules/regex.h"

namespace caisson::gateway {

// One name of a server_name directive.
struct ServerName {
  std::string text;  // as written, lower case unless a regex
  std::optional<rules::Regex> regex;
  std::vector<std::size_t> captures;  // variables that the regex's named groups set
};

// One server block.
struct VirtualHost {
  rules::Level* level = nullptr;
  config::SourcePos at;
  std::vector<ServerName> names;
  struct Listen {
    ListenAddress address;
    ListenOptions options;
    config::SourcePos at;
  };
  std::vector<Listen> listens;

  // $server_name: the first name.
  const std::string& primary_name() const;
};

// All server blocks of one address and port.
struct Endpoint {
  ListenAddress address;
  ListenOptions options;  // of the listen that has socket options; ssl when any has it
  config::SourcePos at;
  std::vector<const VirtualHost*> hosts;
  const VirtualHost* default_host = nullptr;
  bool bound = true;  // false: a wildcard endpoint of the same port has the socket

  // The host for a name (without port, lower case), and the captures of a regex that matched.
  struct Found {
    const VirtualHost* host;
    const ServerName* name = nullptr;  // the regex that matched, if one did
    rules::Captures captures;
  };
  Found find(std::string_view name) const;
  Result<void> join(const VirtualHost& host, const VirtualHost::Listen& listen);
};

class VirtualHosts {
 public:
  VirtualHost& add(rules::Level& level);
  // Groups the hosts by address. Once, after loading.
  Result<void> group();

  const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
  const std::vector<std::unique_ptr<VirtualHost>>& hosts() const noexcept { return hosts_; }
  // The endpoint, as an index, of a connection that came in on endpoint `listener` to the local address `host`.
  std::size_t endpoint_of(std::size_t listener, std::string_view host) const;

 private:
  std::vector<std::unique_ptr<VirtualHost>> hosts_;
  std::vector<Endpoint> endpoints_;
};

// The settings that hold the virtual hosts: at the http level.
struct HttpBlock {
  VirtualHosts hosts;
};

// The settings that tie a server level to its host.
struct HostOfLevel {
  VirtualHost* host = nullptr;
};

void describe_virtual_hosts(rules::Language& language);

}  // namespace caisson::gateway
