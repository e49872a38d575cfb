#include "gateway/virtual_hosts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/tls_settings.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

std::string ListenAddress::str() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  return (ipv6() ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

const std::string& VirtualHost::primary_name() const {
  static const std::string empty;
  return names.empty() ? empty : names.front().text;
}

namespace {

// "*.example.org" and ".example.org" match below a domain, "www.example.*" matches any ending.
bool leading_wildcard_matches(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with("*.")) return name.size() > pattern.size() - 1 && name.ends_with(pattern.substr(1));
  if (pattern.starts_with('.'))
    return name == pattern.substr(1) || (name.size() > pattern.size() && name.ends_with(pattern));
  return false;
}

bool trailing_wildcard_matches(std::string_view pattern, std::string_view name) {
  return pattern.ends_with(".*") && name.size() > pattern.size() - 1 &&
         name.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

Endpoint::Found Endpoint::find(std::string_view name) const {
  const VirtualHost* wildcard = nullptr;
  std::size_t wildcard_rank = 0;
  if (!name.empty()) {
    for (const VirtualHost* host : hosts) {
      for (const ServerName& candidate : host->names) {
        if (candidate.regex) continue;
        if (candidate.text == name) return {host, nullptr, {}};
        // The longest leading wildcard comes before the longest trailing one.
        std::size_t rank = 0;
        if (leading_wildcard_matches(candidate.text, name)) {
          rank = 1000 + candidate.text.size();
        } else if (trailing_wildcard_matches(candidate.text, name)) {
          rank = candidate.text.size();
        }
        if (rank > wildcard_rank) {
          wildcard_rank = rank;
          wildcard = host;
        }
      }
    }
    if (wildcard != nullptr) return {wildcard, nullptr, {}};
    for (const VirtualHost* host : hosts) {
      for (const ServerName& candidate : host->names) {
        Found found{host, &candidate, {}};
        if (candidate.regex && candidate.regex->match(name, &found.captures) == rules::Regex::Outcome::Match)
          return found;
      }
    }
  } else {
    for (const VirtualHost* host : hosts) {
      for (const ServerName& candidate : host->names) {
        if (!candidate.regex && candidate.text.empty()) return {host, nullptr, {}};
      }
    }
  }
  return {default_host, nullptr, {}};
}

VirtualHost& VirtualHosts::add(rules::Level& level) {
  hosts_.push_back(std::make_unique<VirtualHost>());
  hosts_.back()->level = &level;
  hosts_.back()->at = level.at();
  return *hosts_.back();
}

Result<void> VirtualHosts::group() {
  for (const auto& host : hosts_) {
    for (const VirtualHost::Listen& listen : host->listens) {
      auto endpoint = std::find_if(endpoints_.begin(), endpoints_.end(),
                                   [&](const Endpoint& e) { return e.address == listen.address; });
      if (endpoint == endpoints_.end()) {
        Endpoint made;
        made.address = listen.address;
        made.options = listen.options;
        made.options.default_server = false;
        made.at = listen.at;
        made.default_host = host.get();
        endpoint = endpoints_.insert(endpoints_.end(), std::move(made));
      }
      if (std::find(endpoint->hosts.begin(), endpoint->hosts.end(), host.get()) != endpoint->hosts.end()) {
        return config::error_at(listen.at, "a duplicate listen " + listen.address.str());
      }
      endpoint->hosts.push_back(host.get());
      endpoint->options.ssl = endpoint->options.ssl || listen.options.ssl;
      endpoint->options.http2 = endpoint->options.http2 || listen.options.http2;
      if (listen.options.default_server) {
        if (endpoint->options.default_server) {
          return config::error_at(listen.at, "a duplicate default server for " + listen.address.str());
        }
        endpoint->options.default_server = true;
        endpoint->default_host = host.get();
      }
    }
  }
  for (Endpoint& endpoint : endpoints_) {
    if (!endpoint.address.unix_path.empty() || endpoint.address.wildcard()) continue;
    endpoint.bound = std::none_of(endpoints_.begin(), endpoints_.end(), [&](const Endpoint& other) {
      return other.address.wildcard() && other.address.port == endpoint.address.port &&
             other.address.ipv6() == endpoint.address.ipv6();
    });
  }
  return {};
}

const Endpoint& VirtualHosts::endpoint_of(std::size_t listener, std::string_view host) const {
  const Endpoint& bound = endpoints_[listener];
  if (!bound.address.wildcard()) return bound;
  for (const Endpoint& endpoint : endpoints_) {
    if (!endpoint.bound && endpoint.address.port == bound.address.port && endpoint.address.host == host)
      return endpoint;
  }
  return bound;
}

namespace {

// listen: "443", "*:443", "127.0.0.1:443", "127.0.0.1", "[::]:443", "localhost:443", "unix:/path".
Result<ListenAddress> parse_address(const Directive& d, std::string_view text) {
  ListenAddress address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty())
      return config::error_at(d.at, "no path in the unix domain socket in \"unix:\" of the \"listen\" directive");
    return address;
  }
  const auto invalid = [&](std::string_view why) {
    return config::error_at(d.at, std::string(why) + " in \"" + std::string(text) + "\" of the \"listen\" directive");
  };
  std::string_view host;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return invalid("invalid host");
    host = text.substr(1, end - 1);
    if (text.size() > end + 1) {
      if (text[end + 1] != ':') return invalid("invalid host");
      port = text.substr(end + 2);
    }
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  } else if (text::to_number(text)) {
    host = "*";
    port = text;
  } else {
    host = text;
  }
  const auto number = port ? text::to_number(*port) : std::optional<std::uint64_t>(80);
  if (!number || *number == 0 || *number > 65535) return invalid("invalid port");
  address.port = static_cast<std::uint16_t>(*number);
  unsigned char bytes[16];
  address.host = host == "*" ? "0.0.0.0" : host == "localhost" ? "127.0.0.1" : std::string(host);
  if (inet_pton(AF_INET, address.host.c_str(), bytes) != 1 && inet_pton(AF_INET6, address.host.c_str(), bytes) != 1) {
    return invalid("host not found");
  }
  return address;
}

Result<void> add_listen(Loader& loader, const Directive& d) {
  VirtualHost::Listen listen;
  listen.at = d.at;
  Result<ListenAddress> address = parse_address(d, d.args[0]);
  if (!address.ok()) return std::move(address).error();
  listen.address = std::move(address).value();
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string_view option = d.args[i];
    const auto value = [&](std::string_view name) { return option.substr(name.size()); };
    if (option == "ssl") {
      listen.options.ssl = true;
    } else if (option == "default_server" || option == "default") {
      listen.options.default_server = true;
    } else if (option == "http2" || option == "spdy") {
      listen.options.http2 = true;
      loader.warn(d.at, "\"" + std::string(option) + "\" on \"listen\" is accepted; HTTP/1.1 is served here");
    } else if (option.starts_with("backlog=")) {
      const auto number = text::to_number(value("backlog="));
      if (!number || *number == 0 || *number > 65535)
        return config::error_at(d.at, "invalid backlog \"" + std::string(value("backlog=")) + '"');
      listen.options.backlog = static_cast<int>(*number);
    } else if (option == "reuseport") {
      listen.options.reuseport = true;
    } else if (option == "ipv6only=on" || option == "ipv6only=off") {
      listen.options.ipv6only = option.ends_with("on");
    } else if (option == "bind" || option == "deferred" || option.starts_with("so_keepalive=") ||
               option.starts_with("fastopen=") || option.starts_with("rcvbuf=") || option.starts_with("sndbuf=")) {
      // tuning of the socket; the kernel's defaults serve
    } else {
      return config::error_at(d.at, "invalid parameter \"" + std::string(option) + '"');
    }
  }
  loader.level().own<HostOfLevel>().host->listens.push_back(std::move(listen));
  return {};
}

Result<void> add_names(Loader& loader, const Directive& d) {
  auto& names = loader.level().own<HostOfLevel>().host->names;
  for (const std::string& arg : d.args) {
    ServerName name;
    if (arg.starts_with('~')) {
      name.text = arg;
      // Host names have no case (ngx_http_regex_compile for server names).
      Result<rules::Regex> regex = loader.regex(std::string_view(arg).substr(1), rules::Regex::Case::Ignored, d);
      if (!regex.ok()) return std::move(regex).error();
      name.captures = loader.variables().define_captures(regex.value());
      name.regex = std::move(regex).value();
    } else {
      name.text = text::lowered(arg);
      const std::string_view t = name.text;
      const bool misplaced =
          t.find('*') != std::string_view::npos && !t.starts_with("*.") && !t.ends_with(".*") && t != "*";
      if (misplaced)
        return config::error_at(d.at, "invalid server name or wildcard \"" + arg + "\" on \"server_name\"");
    }
    names.push_back(std::move(name));
  }
  return {};
}

Result<void> add_server(Loader& loader, const Directive& d) {
  VirtualHosts& hosts = loader.level().own<HttpBlock>().hosts;
  loader.read_block(d, rules::Server, [&](rules::Level& level) { level.own<HostOfLevel>().host = &hosts.add(level); });
  return {};
}

// A server without "listen" listens on port 80; one with "ssl on" takes TLS on all its ports.
Result<void> complete_listens(Loader&, rules::Level& root) {
  for (const auto& http : root.inner()) {
    if (http->kind() != rules::Http) continue;
    VirtualHosts& hosts = http->own<HttpBlock>().hosts;
    for (const auto& host : hosts.hosts()) {
      if (host->listens.empty()) host->listens.push_back({{"0.0.0.0", 80, ""}, {}, host->at});
      if (!host->level->get<TlsSettings>().ssl.value_or(false)) continue;
      for (VirtualHost::Listen& listen : host->listens) listen.options.ssl = true;
    }
    if (Result<void> grouped = hosts.group(); !grouped.ok()) return grouped;
  }
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"server", rules::Http, 0, 0, DirectiveSpec::Body::Required, &add_server},
    DirectiveSpec{"listen", rules::Server, 1, rules::any_number, DirectiveSpec::Body::None, &add_listen},
    DirectiveSpec{"server_name", rules::Server, 1, rules::any_number, DirectiveSpec::Body::None, &add_names},
};

}  // namespace

void describe_virtual_hosts(rules::Language& language) {
  language.add_directives(directives);
  language.add_finish(&complete_listens);
}

}  // namespace caisson::gateway
