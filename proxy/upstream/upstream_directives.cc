// ngx_http_upstream_module's directives: upstream blocks and what stands in them.

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
  if (!block.balancer.empty() && block.servers.size() > 1) {
    return config::error_at(block.balancer_at, '"' + block.balancer + "\" is not supported yet",
                            "without it the servers take turns");
  }
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
  return parameter == "resolve";  // names are always looked up again
}

Result<void> server(Loader& loader, const Directive& d) {
  Server made;
  Result<net::Endpoint> at = net::Endpoint::parse(d.args[0], net::Endpoint::Use::Connect, 80);
  if (!at.ok()) return config::error_at(d.at, at.error().what + " in upstream \"" + d.args[0] + '"');
  made.at = std::move(at).value();
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    if (!read_parameter(made, d.args[i])) return config::error_at(d.at, "invalid parameter \"" + d.args[i] + '"');
  }
  block_of(loader).servers.push_back(std::move(made));
  return {};
}

Result<void> keepalive(Loader& loader, const Directive& d) {
  Result<std::uint64_t> number = config::number_arg(d);
  if (!number.ok() || number.value() == 0) return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
  block_of(loader).keep_alive.idle_connections = number.value();
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

Result<void> balancer(Loader& loader, const Directive& d) {
  block_of(loader).balancer = d.name;
  block_of(loader).balancer_at = d.at;
  return {};
}

constexpr auto None = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"upstream", rules::Http, 1, 1, DirectiveSpec::Body::Required, &upstream},
    DirectiveSpec{"server", rules::Upstream, 1, rules::any_number, None, &server},
    DirectiveSpec{"keepalive", rules::Upstream, 1, 1, None, &keepalive},
    DirectiveSpec{"keepalive_timeout", rules::Upstream, 1, 1, None, &keepalive_time<&KeepAlive::timeout>},
    DirectiveSpec{"keepalive_time", rules::Upstream, 1, 1, None, &keepalive_time<&KeepAlive::lifetime>},
    DirectiveSpec{"keepalive_requests", rules::Upstream, 1, 1, None, &keepalive_requests},
    // What workers share over a zone, our loops learn each for itself.
    DirectiveSpec{"zone", rules::Upstream, 1, 2, None, nullptr},
    DirectiveSpec{"ip_hash", rules::Upstream, 0, 0, None, &balancer},
    DirectiveSpec{"least_conn", rules::Upstream, 0, 0, None, &balancer},
    DirectiveSpec{"hash", rules::Upstream, 1, 2, None, &balancer},
    DirectiveSpec{"random", rules::Upstream, 0, 2, None, &balancer},
};

}  // namespace

void describe_upstream_blocks(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::upstream
