#include "gateway/virtual_hosts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "gateway/listen.h"
#include "gateway/server_names.h"
#include "gateway/tls_settings.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

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

// One more host on an endpoint that has some already. ngx_http_add_addresses
Result<void> Endpoint::join(const VirtualHost& host, const VirtualHost::Listen& listen) {
  hosts.push_back(&host);
  const ListenOptions& more = listen.options;
  if (more.has_socket_options) {
    if (options.has_socket_options) {
      return config::error_at(listen.at, "duplicate listen options for " + address.str());
    }
    const ListenOptions before = std::exchange(options, more);
    options.default_server = before.default_server;
    options.ssl = before.ssl;
    options.http2 = before.http2;
    options.proxy_protocol = before.proxy_protocol;
  }
  options.ssl = options.ssl || more.ssl;
  options.http2 = options.http2 || more.http2;
  options.proxy_protocol = options.proxy_protocol || more.proxy_protocol;
  if (!more.default_server) return {};
  if (options.default_server) {
    return config::error_at(listen.at, "a duplicate default server for " + address.str());
  }
  options.default_server = true;
  default_host = &host;
  return {};
}

Result<void> VirtualHosts::group() {
  for (const auto& host : hosts_) {
    for (const VirtualHost::Listen& listen : host->listens) {
      const auto endpoint = std::find_if(endpoints_.begin(), endpoints_.end(),
                                         [&](const Endpoint& e) { return e.address == listen.address; });
      if (endpoint != endpoints_.end()) {
        if (Result<void> joined = endpoint->join(*host, listen); !joined.ok()) return joined;
      } else {
        endpoints_.push_back({listen.address, listen.options, listen.at, {host.get()}, host.get(), true});
      }
    }
  }
  // An address shares the socket of its port's wildcard, unless something is said of its own. ngx_http_init_listening
  for (Endpoint& endpoint : endpoints_) {
    if (!endpoint.address.unix_path.empty() || endpoint.address.wildcard() || endpoint.options.has_socket_options) {
      continue;
    }
    endpoint.bound = std::none_of(endpoints_.begin(), endpoints_.end(), [&](const Endpoint& other) {
      return other.address.wildcard() && other.address.port == endpoint.address.port &&
             other.address.ipv6() == endpoint.address.ipv6();
    });
  }
  return {};
}

std::size_t VirtualHosts::endpoint_of(std::size_t listener, std::string_view host) const {
  const Endpoint& bound = endpoints_[listener];
  if (!bound.address.wildcard()) return listener;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const ListenAddress& address = endpoints_[i].address;
    if (!endpoints_[i].bound && address.port == bound.address.port && address.host == host) return i;
  }
  return listener;
}

namespace {

Result<void> add_listen(Loader& loader, const Directive& d) {
  Result<std::vector<ListenAddress>> addresses = listen_addresses(d);
  if (!addresses.ok()) return std::move(addresses).error();
  const Result<ListenOptions> options = listen_options(loader, d, addresses.value().front());
  if (!options.ok()) return options.error();
  auto& listens = loader.level().own<HostOfLevel>().host->listens;
  for (ListenAddress& address : addresses.value()) {
    const bool repeated = std::any_of(listens.begin(), listens.end(),
                                      [&](const VirtualHost::Listen& other) { return other.address == address; });
    if (repeated) return config::error_at(d.at, "a duplicate listen " + address.str());
    listens.push_back({std::move(address), options.value(), d.at});
  }
  return {};
}

Result<void> add_names(Loader& loader, const Directive& d) {
  auto& names = loader.level().own<HostOfLevel>().host->names;
  for (const std::string& arg : d.args) {
    ServerName name;
    if (arg.starts_with('~')) {
      if (arg.size() == 1) return config::error_at(d.at, "empty regex in server name \"" + arg + '"');
      name.text = arg;
      // Host names have no case (ngx_http_regex_compile for server names).
      Result<rules::Regex> regex = loader.regex(std::string_view(arg).substr(1), rules::Regex::Case::Ignored, d);
      if (!regex.ok()) return std::move(regex).error();
      auto captures = loader.define_captures(regex.value(), d);
      if (!captures.ok()) return std::move(captures).error();
      name.captures = std::move(captures).value();
      name.regex = std::move(regex).value();
    } else {
      name.text = text::lowered(arg);
      // ngx_http_core_server_name: a "*" elsewhere is a letter like others, until the names are put together.
      const bool lone = (arg.starts_with('*') && (arg.size() < 3 || arg[1] != '.')) || arg == ".";
      if (lone) return config::error_at(d.at, "server name \"" + arg + "\" is invalid");
      if (arg.find('/') != std::string::npos) {
        loader.warn(d.at, "server name \"" + arg + "\" has suspicious symbols");
      }
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
Result<void> complete_listens(Loader& loader, rules::Level& root) {
  for (const auto& http : root.inner()) {
    if (http->kind() != rules::Http) continue;
    VirtualHosts& hosts = http->own<HttpBlock>().hosts;
    for (const auto& host : hosts.hosts()) {
      if (host->listens.empty()) host->listens.push_back({{"0.0.0.0", 80, ""}, {}, host->at});
      if (!host->level->get<TlsSettings>().ssl.value_or(false)) continue;
      for (VirtualHost::Listen& listen : host->listens) listen.options.ssl = true;
    }
    if (Result<void> grouped = hosts.group(); !grouped.ok()) return grouped;
    check_server_names(loader, hosts);
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
