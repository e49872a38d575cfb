// Where a server listens, and how: the arguments of `listen`. ngx_http_core_listen
//
// Ownership: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/directive.h"
#include "rules/loader.h"

namespace caisson::gateway {

// `host` is a numeric address: "0.0.0.0", "127.0.0.1", "::"; for a unix socket it is empty.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path;

  bool wildcard() const noexcept { return host == "0.0.0.0" || host == "::"; }
  bool ipv6() const noexcept { return host.find(':') != std::string::npos; }
  std::string str() const;  // "0.0.0.0:443", "[::]:443", "unix:/path": as nginx writes it
  bool operator==(const ListenAddress&) const = default;
};

struct ListenOptions {
  bool ssl = false;
  bool default_server = false;
  bool http2 = false;
  bool proxy_protocol = false;

  // What is said of the socket itself may be said once an address, and gives the address a socket of its own.
  bool has_socket_options = false;
  std::optional<int> backlog;
  std::optional<int> receive_buffer;  // bytes
  std::optional<int> send_buffer;     // bytes
  std::optional<int> fast_open;       // connections that may wait half open
  bool deferred = false;              // accept only when bytes have come
  bool reuseport = false;
  bool ipv6only = true;
  // so_keepalive: off, or on with times of its own; nothing said: as the process has it.
  struct KeepAlive {
    bool on = true;
    std::optional<std::chrono::seconds> idle;
    std::optional<std::chrono::seconds> interval;
    std::optional<int> probes;
  };
  std::optional<KeepAlive> keepalive;
};

// All addresses that one directive names: a host may have several, and ports may be a range.
Result<std::vector<ListenAddress>> listen_addresses(const config::Directive& directive);
Result<ListenOptions> listen_options(rules::Loader& loader, const config::Directive& directive,
                                     const ListenAddress& first);

}  // namespace caisson::gateway
