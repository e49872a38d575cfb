#include "gateway/listen.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/handle.h"
#include "base/text.h"

namespace caisson::gateway {

using config::Directive;
using rules::Loader;

std::string ListenAddress::str() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  return (ipv6() ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

namespace {

constexpr std::uint16_t usual_port = 80;
constexpr std::size_t longest_unix_path = 107;  // sockaddr_un

Error wrong(const Directive& d, std::string_view why) {
  return config::error_at(d.at, std::string(why) + " in \"" + d.args[0] + "\" of the \"listen\" directive");
}

// "host:port" in its parts; `host` is "*" where only a port is written.
struct Parts {
  std::string_view host;
  std::optional<std::string_view> port;
};

std::optional<Parts> split(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    return Parts{text.substr(1, end - 1), rest.empty() ? std::optional<std::string_view>() : rest.substr(1)};
  }
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    return Parts{text.substr(0, colon), text.substr(colon + 1)};
  }
  const bool only_port = !text.empty() && text.find_first_not_of("0123456789-") == std::string_view::npos;
  return only_port ? Parts{"*", text} : Parts{text, std::nullopt};
}

struct Ports {
  std::uint16_t first;
  std::uint16_t last;
};

// "80" or "8080-8090"
std::optional<Ports> parse_ports(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = text::to_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : text::to_number(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *first > 65535 || *last == 0 || *last > 65535) return std::nullopt;
  return Ports{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

// The numeric forms of a host; empty: nobody knows it.
std::vector<std::string> numeric_hosts(std::string_view host) {
  if (host == "*") return {"0.0.0.0"};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  const std::string name(host);
  unsigned char bytes[16];
  const bool numeric =
      ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
  if (numeric) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, FreeWith<&::freeaddrinfo>> held(found);
  std::vector<std::string> hosts;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    if (std::find(hosts.begin(), hosts.end(), text) == hosts.end()) hosts.emplace_back(text);
  }
  return hosts;
}

}  // namespace

Result<std::vector<ListenAddress>> listen_addresses(const Directive& d) {
  const std::string_view text = d.args[0];
  if (text.starts_with("unix:")) {
    const std::string path(text.substr(5));
    if (path.empty()) return wrong(d, "no path in the unix domain socket");
    if (path.size() > longest_unix_path) return wrong(d, "too long path in the unix domain socket");
    return std::vector{ListenAddress{{}, 0, path}};
  }
  const auto parts = split(text);
  if (!parts) return wrong(d, "invalid host");
  const auto ports = parts->port ? parse_ports(*parts->port) : Ports{usual_port, usual_port};
  if (!ports) return wrong(d, "invalid port");
  if (parts->host.empty()) return wrong(d, "no host");
  if (ports->first > ports->last) return wrong(d, "invalid port range");
  const std::vector<std::string> hosts = numeric_hosts(parts->host);
  if (hosts.empty()) return wrong(d, "host not found");
  std::vector<ListenAddress> all;
  for (const std::string& host : hosts) {
    for (unsigned port = ports->first; port <= ports->last; ++port) {
      all.push_back({host, static_cast<std::uint16_t>(port), {}});
    }
  }
  return all;
}

namespace {

Error invalid(const Directive& d, std::string_view what, std::string_view value) {
  return config::error_at(d.at, "invalid " + std::string(what) + " \"" + std::string(value) + '"');
}

// "on", "off", "[idle]:[interval]:[probes]"
Result<ListenOptions::KeepAlive> parse_keepalive(const Directive& d, std::string_view text) {
  const auto refused = [&] {
    return config::error_at(d.at, "invalid so_keepalive value: \"" + std::string(text) + '"');
  };
  ListenOptions::KeepAlive made;
  if (text == "on" || text == "off") {
    made.on = text == "on";
    return made;
  }
  const std::vector<std::string_view> fields = text::split(text, ':');
  const bool says_something = std::any_of(fields.begin(), fields.end(), [](auto f) { return !f.empty(); });
  if (fields.size() > 3 || !says_something) return refused();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) continue;
    if (i == 2) {
      const auto probes = text::to_number(fields[i]);
      if (!probes || *probes == 0 || *probes > 127) return refused();
      made.probes = static_cast<int>(*probes);
      continue;
    }
    const auto time = config::parse_seconds(fields[i]);
    if (!time || time->count() == 0) return refused();
    (i == 0 ? made.idle : made.interval) = *time;
  }
  return made;
}

// A size in bytes of a socket's buffer.
std::optional<int> buffer_size(std::string_view text) {
  const auto size = config::parse_size(text);
  return size && *size <= INT32_MAX ? std::optional<int>(static_cast<int>(*size)) : std::nullopt;
}

struct Flag {
  std::string_view name;
  bool ListenOptions::*member;
  bool of_socket;
};
constexpr std::array flags = {
    Flag{"ssl", &ListenOptions::ssl, false},
    Flag{"default_server", &ListenOptions::default_server, false},
    Flag{"default", &ListenOptions::default_server, false},
    Flag{"proxy_protocol", &ListenOptions::proxy_protocol, false},
    Flag{"reuseport", &ListenOptions::reuseport, true},
    Flag{"deferred", &ListenOptions::deferred, true},
    Flag{"bind", &ListenOptions::has_socket_options, true},
};

struct Amount {
  std::string_view name;  // with its "="
  std::optional<int> ListenOptions::*member;
  std::optional<int> (*parse)(std::string_view);
};
std::optional<int> count(std::string_view text) {
  const auto number = text::to_number(text);
  return number && *number <= INT32_MAX ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}
std::optional<int> count_from_one(std::string_view text) {
  const auto number = count(text);
  return number && *number > 0 ? number : std::nullopt;
}
constexpr std::array amounts = {
    Amount{"backlog=", &ListenOptions::backlog, &count_from_one},
    Amount{"rcvbuf=", &ListenOptions::receive_buffer, &buffer_size},
    Amount{"sndbuf=", &ListenOptions::send_buffer, &buffer_size},
    Amount{"fastopen=", &ListenOptions::fast_open, &count},
};

// False: it is none of the flags and amounts.
Result<bool> take_simple(const Directive& d, std::string_view option, ListenOptions& options) {
  for (const Flag& flag : flags) {
    if (flag.name != option) continue;
    options.*flag.member = true;
    options.has_socket_options = options.has_socket_options || flag.of_socket;
    return true;
  }
  for (const Amount& amount : amounts) {
    if (!option.starts_with(amount.name)) continue;
    const std::string_view value = option.substr(amount.name.size());
    const auto number = amount.parse(value);
    if (!number) return invalid(d, amount.name.substr(0, amount.name.size() - 1), option);
    options.*amount.member = *number;
    options.has_socket_options = true;
    return true;
  }
  return false;
}

}  // namespace

Result<ListenOptions> listen_options(Loader& loader, const Directive& d, const ListenAddress& first) {
  ListenOptions options;
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string_view option = d.args[i];
    const Result<bool> taken = take_simple(d, option, options);
    if (!taken.ok()) return taken.error();
    if (taken.value()) continue;
    if (option == "http2" || option == "spdy") {
      options.http2 = true;
      loader.warn(d.at, "\"" + std::string(option) + "\" on \"listen\" is accepted; HTTP/1.1 is served here");
    } else if (option.starts_with("accept_filter=")) {
      loader.warn(d.at, "accept filters \"" + std::string(option) + "\" are not supported on this platform, ignored");
    } else if (option.starts_with("ipv6only=")) {
      if (!first.ipv6()) return config::error_at(d.at, "ipv6only is not supported on addr \"" + first.str() + '"');
      const std::string_view value = option.substr(9);
      if (value != "on" && value != "off") return invalid(d, "ipv6only flags", value);
      options.ipv6only = value == "on";
      options.has_socket_options = true;
    } else if (option.starts_with("so_keepalive=")) {
      Result<ListenOptions::KeepAlive> keepalive = parse_keepalive(d, option.substr(13));
      if (!keepalive.ok()) return std::move(keepalive).error();
      options.keepalive = keepalive.value();
      options.has_socket_options = true;
    } else {
      return invalid(d, "parameter", option);
    }
  }
  return options;
}

}  // namespace caisson::gateway
