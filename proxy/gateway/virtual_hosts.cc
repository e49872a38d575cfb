#include "gateway/virtual_hosts.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "gateway/listen.h"
#include "gateway/server_names.h"
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
      } else if (listen.options.of_socket) {
        if (endpoint->options.of_socket) {
          return config::error_at(listen.at, "duplicate listen options for " + listen.address.str());
        }
        endpoint->options.take_socket(listen.options);
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

Result<void> add_listen(Loader& loader, const Directive& d) {
  Result<std::vector<VirtualHost::Listen>> read = read_listen(loader, d);
  if (!read.ok()) return std::move(read).error();
  auto& listens = loader.level().own<HostOfLevel>().host->listens;
  for (VirtualHost::Listen& listen : read.value()) listens.push_back(std::move(listen));
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
