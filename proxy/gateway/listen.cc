#include "gateway/listen.h"

#include <netdb.h>
#include <netinet/in.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "config/arguments.h"

namespace caisson::gateway {

using config::Directive;
using rules::Loader;

namespace {

struct Ports {
  std::uint16_t first;
  std::uint16_t last;
};

// "443" or "8080-8090".
std::optional<Ports> parse_ports(std::string_view text) {
  const auto port = [](std::string_view digits) {
    const auto number = text::to_number(digits);
    return number && *number > 0 && *number <= 65535 ? static_cast<std::uint16_t>(*number) : std::uint16_t{0};
  };
  const std::size_t dash = text.find('-');
  const Ports ports{port(text.substr(0, dash)), port(dash == std::string_view::npos ? text : text.substr(dash + 1))};
  if (ports.first == 0 || ports.last == 0) return std::nullopt;
  return ports;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

// Numeric addresses of a host name, or none.
std::vector<std::string> addresses_of(const std::string& host) {
  if (host == "*") return {"0.0.0.0"};
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<std::string> found;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &list) != 0) return found;
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      found.emplace_back(text);
    }
  }
  return found;
}

// "443", "*:443", "127.0.0.1:443", "127.0.0.1", "[::]:443", "localhost:443", "8080-8090", "unix:/path".
Result<std::vector<ListenAddress>> parse_addresses(const Directive& d) {
  const std::string_view text = d.args[0];
  const auto invalid = [&](std::string_view why) {
    return config::error_at(d.at, std::string(why) + " in \"" + std::string(text) + "\" of the \"listen\" directive");
  };
  if (text.starts_with("unix:")) {
    if (text == "unix:") return invalid("no path in the unix domain socket");
    return std::vector<ListenAddress>{{"", 0, std::string(text.substr(5))}};
  }
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return invalid("invalid host");
    host = text.substr(1, end - 1);
    if (text.size() > end + 1) {
      if (text[end + 1] != ':') return invalid("invalid host");
      port = text.substr(end + 2);
    }
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  } else if (text.find_first_not_of("0123456789-") == std::string_view::npos && !text.starts_with('-')) {
    host = "*";
    port = text;
  }
  const std::optional<Ports> ports = port ? parse_ports(*port) : Ports{80, 80};
  if (!ports) return invalid("invalid port");
  if (ports->first > ports->last) return invalid("invalid port range");
  if (host.empty()) return invalid("no host");
  const std::vector<std::string> hosts = addresses_of(std::string(host));
  if (hosts.empty()) return invalid("host not found");
  std::vector<ListenAddress> addresses;
  for (unsigned number = ports->first; number <= ports->last; ++number) {
    for (const std::string& one : hosts) addresses.push_back({one, static_cast<std::uint16_t>(number), ""});
  }
  return addresses;
}

// on, off, or [IDLE]:[INTERVAL]:[COUNT] with at least one of them.
bool valid_keepalive(std::string_view text) {
  if (text == "on" || text == "off") return true;
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  const std::string_view idle = text.substr(0, first);
  const std::string_view interval =
      first == std::string_view::npos ? std::string_view() : text.substr(first + 1, second - first - 1);
  const std::string_view count = second == std::string_view::npos ? std::string_view() : text.substr(second + 1);
  if (idle.empty() && interval.empty() && count.empty()) return false;
  return (idle.empty() || config::parse_seconds(idle)) && (interval.empty() || config::parse_seconds(interval)) &&
         (count.empty() || config::parse_number(count).value_or(0) > 0);
}

}  // namespace

Result<std::vector<VirtualHost::Listen>> read_listen(Loader& loader, const Directive& d) {
  VirtualHost::Listen listen;
  listen.at = d.at;
  Result<std::vector<ListenAddress>> addresses = parse_addresses(d);
  if (!addresses.ok()) return std::move(addresses).error();
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string_view option = d.args[i];
    const auto value = [&](std::string_view name) { return option.substr(name.size()); };
    const auto invalid = [&](std::string_view what) {
      return config::error_at(d.at, std::string(what) + " \"" + std::string(option) + '"');
    };
    if (option == "ssl") {
      listen.options.ssl = true;
    } else if (option == "default_server" || option == "default") {
      listen.options.default_server = true;
    } else if (option == "http2" || option == "spdy") {
      listen.options.http2 = true;
      loader.warn(d.at, "\"" + std::string(option) + "\" on \"listen\" is accepted; HTTP/1.1 is served here");
    } else if (option.starts_with("backlog=")) {
      const auto number = text::to_number(value("backlog="));
      if (!number || *number == 0 || *number > 65535) return invalid("invalid backlog");
      listen.options.backlog = static_cast<int>(*number);
      listen.options.of_socket = true;
    } else if (option == "reuseport") {
      listen.options.reuseport = true;
      listen.options.of_socket = true;
    } else if (option == "ipv6only=on" || option == "ipv6only=off") {
      listen.options.ipv6only = option.ends_with("on");
      listen.options.of_socket = true;
    } else if (option == "bind" || option == "deferred") {
      listen.options.of_socket = true;  // as what follows; the kernel's defaults serve
    } else if (option.starts_with("rcvbuf=") || option.starts_with("sndbuf=")) {
      if (!config::parse_size(value("rcvbuf="))) return invalid("invalid " + std::string(option.substr(0, 6)));
      listen.options.of_socket = true;
    } else if (option.starts_with("fastopen=")) {
      if (!config::parse_number(value("fastopen="))) return invalid("invalid fastopen");
      listen.options.of_socket = true;
    } else if (option.starts_with("accept_filter=")) {
      loader.warn(d.at, "accept filters \"" + std::string(option) + "\" are not supported on this platform, ignored");
    } else if (option.starts_with("so_keepalive=")) {
      if (!valid_keepalive(value("so_keepalive="))) {
        return config::error_at(d.at, "invalid so_keepalive value: \"" + std::string(value("so_keepalive=")) + '"');
      }
      listen.options.of_socket = true;
    } else {
      return config::error_at(d.at, "invalid parameter \"" + std::string(option) + '"');
    }
  }
  std::vector<VirtualHost::Listen> listens;
  for (ListenAddress& address : addresses.value()) {
    listens.push_back(listen);
    listens.back().address = std::move(address);
  }
  return listens;
}

}  // namespace caisson::gateway
