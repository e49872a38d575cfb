// ngx_http_upstream_module's directives: upstream blocks and what stands in them.

#include <algorithm>
#include <array>
#include <optional>

#include "config/arguments.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "upstream/directives.h"

namespace caisson::upstream {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

UpstreamBlock& block_of(Loader& loader) { return loader.level().own<UpstreamBlock>(); }

Result<void> upstream(Loader& loader, const Directive& d) {
  const std::string& name = d.args[0];
  Proxying& proxying = Proxying::of(loader);
  if (proxying.upstreams->has(name)) return config::error_at(d.at, "duplicate upstream \"" + name + '"');
  rules::Level& level = loader.read_block(d, rules::Upstream);
  UpstreamBlock block = level.own<UpstreamBlock>();
  if (const auto embedded = level.own<rules::EmbeddedUpstream>().handler) {
    if (!block.servers.empty()) {
      return config::error_at(d.at, "upstream \"" + name + "\" has both servers and an embedded registry",
                              "one of them answers; remove the other");
    }
    proxying.upstreams->add(name, embedded);
    return {};
  }
  if (block.servers.empty()) return config::error_at(d.at, "no servers are inside upstream");
  const bool all_backup = std::all_of(block.servers.begin(), block.servers.end(),
                                      [](const std::shared_ptr<const Server>& server) { return server->backup; });
  if (all_backup) return config::error_at(d.at, "no servers in upstream \"" + name + '"');
  proxying.upstreams->add(name, std::move(block));
  return {};
}

// "weight=5" and its like: the number behind the name, or nothing when it is none.
std::optional<std::uint64_t> number_of(std::string_view parameter, std::string_view name) {
  return config::parse_number(parameter.substr(name.size()));
}

bool read_parameter(Server& server, std::string_view parameter) {
  std::optional<std::uint64_t> number;
  if (parameter.starts_with("weight=")) {
    number = number_of(parameter, "weight=");
    server.weight = number.value_or(1);
    return number.value_or(0) != 0;
  }
  if (parameter.starts_with("max_fails=")) {
    number = number_of(parameter, "max_fails=");
    server.max_fails = number.value_or(1);
    return number.has_value();
  }
  if (parameter.starts_with("max_conns=")) {
    number = number_of(parameter, "max_conns=");
    server.max_connections = number.value_or(0);
    return number.has_value();
  }
  if (parameter.starts_with("fail_timeout=")) {
    const auto time = config::parse_seconds(parameter.substr(std::string_view("fail_timeout=").size()));
    server.fail_timeout = time.value_or(server.fail_timeout);
    return time.has_value();
  }
  if (parameter == "backup") {
    server.backup = true;
    return true;
  }
  if (parameter == "down") {
    server.down = true;
    return true;
  }
  return false;
}

Result<void> server(Loader& loader, const Directive& d) {
  UpstreamBlock& block = block_of(loader);
  Server made;
  made.name = d.args[0];
  Result<net::Endpoint> at = net::Endpoint::parse(d.args[0], net::Endpoint::Use::Connect, 80);
  if (!at.ok()) return config::error_at(d.at, at.error().what + " in upstream \"" + d.args[0] + '"');
  made.at = std::move(at).value();
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    if (d.args[i] == block.unsupported) {
      return config::error_at(d.at, "balancing method does not support parameter \"" + d.args[i] + '"');
    }
    if (!read_parameter(made, d.args[i])) {
      return config::error_at(d.at, "invalid parameter \"" + d.args[i] + '"',
                              d.args[i] == "resolve" ? "names are always looked up again; leave it away" : "");
    }
  }
  block.servers.push_back(std::make_shared<const Server>(std::move(made)));
  return {};
}

// The connections of an upstream without it are kept, too.
Result<void> keepalive(Loader& loader, const Directive& d) {
  UpstreamBlock& block = block_of(loader);
  if (block.keep_alive_set) return config::config_error(d, "is duplicate");
  block.keep_alive_set = true;
  Result<std::uint64_t> number = config::number_arg(d);
  if (!number.ok() || number.value() == 0) {
    return config::error_at(d.at, "invalid value \"" + d.args[0] + "\" in \"keepalive\" directive");
  }
  block.keep_alive.idle_connections = number.value();
  return {};
}

template <auto Member>
Result<void> keepalive_time(Loader& loader, const Directive& d) {
  Result<std::chrono::milliseconds> time = config::milliseconds_arg(d);
  if (!time.ok()) return std::move(time).error();
  block_of(loader).keep_alive.*Member = time.value();
  return {};
}

Result<void> keepalive_requests(Loader& loader, const Directive& d) {
  Result<std::uint64_t> number = config::number_arg(d);
  if (!number.ok()) return std::move(number).error();
  block_of(loader).keep_alive.requests = number.value();
  return {};
}

// ngx_http_upstream_zone: all loops share what they know of the servers, with or without it.
Result<void> zone(Loader&, const Directive& d) {
  constexpr std::uint64_t least = 8 * 4096;
  if (d.args[0].empty()) return config::error_at(d.at, "invalid zone name \"" + d.args[0] + '"');
  if (d.args.size() == 1) return {};
  const auto size = config::parse_size(d.args[1]);
  if (!size) return config::error_at(d.at, "invalid zone size \"" + d.args[1] + '"');
  if (*size < least) return config::error_at(d.at, "zone \"" + d.args[0] + "\" is too small");
  return {};
}

// The last method counts. Those that place requests by a hash or by chance know no backup servers.
template <class Make>
Result<void> balance(Loader& loader, const Directive& d, Make make, bool knows_backup = false) {
  UpstreamBlock& block = block_of(loader);
  if (block.balancer) loader.warn(d.at, "load balancing method redefined");
  block.balancer = std::move(make);
  block.unsupported = knows_backup ? "" : "backup";
  return {};
}

Result<void> use_least_conn(Loader& loader, const Directive& d) {
  return balance(
      loader, d, [](const auto&) { return least_conn(); }, true);
}

Result<void> use_ip_hash(Loader& loader, const Directive& d) {
  return balance(loader, d, [](const auto&) { return ip_hash(); });
}

Result<void> use_hash(Loader& loader, const Directive& d) {
  Result<rules::Template> key = loader.compile(d.args[0], d);
  if (!key.ok()) return std::move(key).error();
  if (d.args.size() == 1) return balance(loader, d, [key = key.value()](const auto&) { return hash(key); });
  if (d.args[1] != "consistent") return config::error_at(d.at, "invalid parameter \"" + d.args[1] + '"');
  return balance(loader, d,
                 [key = key.value()](const ServerGroup::Servers& servers) { return consistent_hash(key, servers); });
}

Result<void> use_random(Loader& loader, const Directive& d) {
  if (d.args.empty()) return balance(loader, d, [](const auto&) { return random_peer(RandomKind::One); });
  if (d.args[0] != "two") return config::error_at(d.at, "invalid parameter \"" + d.args[0] + '"');
  if (d.args.size() == 2 && d.args[1] != "least_conn") {
    return config::error_at(d.at, "invalid parameter \"" + d.args[1] + '"');
  }
  return balance(loader, d, [](const auto&) { return random_peer(RandomKind::LessBusyOfTwo); });
}

constexpr auto None = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"upstream", rules::Http, 1, 1, DirectiveSpec::Body::Required, &upstream},
    DirectiveSpec{"server", rules::Upstream, 1, rules::any_number, None, &server},
    DirectiveSpec{"keepalive", rules::Upstream, 1, 1, None, &keepalive},
    DirectiveSpec{"keepalive_timeout", rules::Upstream, 1, 1, None, &keepalive_time<&KeepAlive::timeout>},
    DirectiveSpec{"keepalive_time", rules::Upstream, 1, 1, None, &keepalive_time<&KeepAlive::lifetime>},
    DirectiveSpec{"keepalive_requests", rules::Upstream, 1, 1, None, &keepalive_requests},
    DirectiveSpec{"zone", rules::Upstream, 1, 2, None, &zone},
    DirectiveSpec{"ip_hash", rules::Upstream, 0, 0, None, &use_ip_hash},
    DirectiveSpec{"least_conn", rules::Upstream, 0, 0, None, &use_least_conn},
    DirectiveSpec{"hash", rules::Upstream, 1, 2, None, &use_hash},
    DirectiveSpec{"random", rules::Upstream, 0, 2, None, &use_random},
};

}  // namespace

void describe_upstream_blocks(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::upstream
