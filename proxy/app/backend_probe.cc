#include "app/backend_probe.h"

#include <netdb.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "advice/site.h"
#include "base/text.h"
#include "monitor/registry_probe.h"

namespace caisson::app {

namespace {

using advice::RegistryPath;
using config::Directive;

// A proxy_pass's URL, taken apart.
struct Target {
  std::string scheme;
  std::string authority;  // a host with or without a port, or an upstream's name
  std::string uri;        // "" when paths are passed on as they are
};

Target target_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme + 3;
  const std::size_t from = url.compare(begin, 5, "unix:") == 0 ? url.find(':', begin + 5) : begin;
  const std::size_t end = std::min(url.find('/', std::min(from, url.size())), url.size());
  return {url.substr(0, scheme), url.substr(begin, end - begin), url.substr(end)};
}

const Directive* upstream_named(const RegistryPath& path, const std::string& name) {
  const advice::Scope* http = &path.scope;
  while (http->outer() != nullptr) http = http->outer();
  for (const Directive* upstream : http->own("upstream")) {
    if (text::iequals(upstream->args.front(), name)) return upstream;
  }
  return nullptr;
}

// The host that clients use, with the port where it is not the scheme's own.
std::string client_host(const RegistryPath& path) {
  std::string host = "localhost";
  for (const Directive* names : path.server.scope.own("server_name")) {
    for (const std::string& name : names->args) {
      if (host == "localhost" && name.find_first_of("~*$_") == std::string::npos && name.find('.') != 0) host = name;
    }
  }
  const unsigned usual = path.server.any_tls ? 443 : 80;
  const auto& ports = path.server.ports;
  if (std::find(ports.begin(), ports.end(), usual) != ports.end()) return host;
  return host + ':' + std::to_string(ports.front());
}

// What the registry is told of a request's Host or scheme; "" for nothing.
std::string told(const RegistryPath& path, std::string_view name, const std::string& usual, const std::string& scheme,
                 const std::string& host) {
  const Directive* const header = path.request_header(name);
  if (header == nullptr || header->args.size() < 2) return usual;
  const std::string& value = header->args[1];
  if (value.find('$') == std::string::npos) return value;
  if (value == "$scheme") return scheme;
  if (value == "$host") return host.substr(0, host.find(':'));
  if (value == "$http_host" || value == "$host:$server_port") return host;
  // A map or a variable of one's own: most take over what the client's side is.
  return text::iequals(name, "Host") ? host : scheme;
}

// The path that /v2/ becomes on its way.
std::string api_of(const RegistryPath& path, const Target& target) {
  const std::string api = "/v2/";
  if (target.uri.empty() || path.prefix.empty() || !api.starts_with(path.prefix)) return api;
  return target.uri + api.substr(path.prefix.size());
}

class Prober {
 public:
  explicit Prober(const Invocation& invocation) : invocation_(invocation) {}

  void look_at(const RegistryPath& path) {
    const Directive& pass = path.proxy_pass;
    const std::string& url = pass.args.front();
    if (path.embedded) {
      return add(pass.at, {true, "the registry inside, which -t has looked at"});
    }
    if (url.find('$') != std::string::npos || url.find("://") == std::string::npos) {
      return add(pass.at, {true, "\"" + url + "\" depends on the request, so nothing was tried"});
    }
    const Target target = target_of(url);
    const Directive* const upstream = upstream_named(path, target.authority);
    if (upstream == nullptr) return probe(path, target, target.authority, pass.at);
    for (const Directive& server : upstream->block) {
      if (server.name == "server") probe(path, target, server.args.front(), server.at);
    }
  }

  std::vector<BackendFinding> take() { return std::move(findings_); }

 private:
  void probe(const RegistryPath& path, const Target& target, const std::string& server, const config::SourcePos& at) {
    const std::string scheme = path.server.any_tls ? "https" : "http";
    const std::string host = client_host(path);
    monitor::RegistryProbe probe;
    probe.client_url = scheme + "://" + host;
    probe.api = api_of(path, target);
    probe.base = target.scheme + "://" + server;
    if (server.starts_with("unix:")) {
      probe.unix_socket = server.substr(5);
      if (probe.unix_socket.ends_with(':')) probe.unix_socket.pop_back();
      probe.base = target.scheme + "://localhost";
    }
    probe.headers.push_back("Host: " + told(path, "Host", target.authority, scheme, host));
    const std::string proto = told(path, "X-Forwarded-Proto", "", scheme, host);
    if (!proto.empty()) probe.headers.push_back("X-Forwarded-Proto: " + proto);
    if (const Directive* verify = path.scope.one("proxy_ssl_verify"); verify != nullptr && verify->args[0] == "on") {
      probe.verify = true;
      const Directive* const trusted = path.scope.one("proxy_ssl_trusted_certificate");
      const std::string folder = config::folder_of(invocation_.conf);
      if (trusted != nullptr)
        probe.authorities = trusted->args[0][0] == '/' ? trusted->args[0] : folder + trusted->args[0];
    }
    for (monitor::ProbeLine& line : monitor::probe_registry(probe)) {
      line.text = target.scheme + "://" + server + ": " + line.text;
      add(at, std::move(line));
    }
  }

  // Several locations may pass on to one backend in one way.
  void add(const config::SourcePos& at, monitor::ProbeLine line) {
    const bool known = std::any_of(findings_.begin(), findings_.end(), [&](const BackendFinding& other) {
      return other.text == line.text && other.at.str() == at.str();
    });
    if (!known) findings_.push_back({at, std::move(line.text), line.good});
  }

  const Invocation& invocation_;
  std::vector<BackendFinding> findings_;
};

}  // namespace

// ngx_inet_resolve_host, for every upstream's server and every proxy_pass without variables.
std::vector<advice::Finding> unknown_names(const std::vector<Directive>& configuration) {
  std::vector<std::pair<std::string, const Directive*>> places;
  std::set<std::string> upstreams;
  const std::function<void(const Directive&)> gather = [&](const Directive& directive) {
    if (directive.name == "upstream" && directive.args.size() == 1) {
      upstreams.insert(directive.args.front());
      for (const Directive& server : directive.block) {
        if (server.name == "server" && !server.args.empty()) places.emplace_back(server.args.front(), &server);
      }
    } else if (directive.name == "proxy_pass" && directive.args.front().find('$') == std::string::npos) {
      places.emplace_back(target_of(directive.args.front()).authority, &directive);
    }
    for (const Directive& inner : directive.block) gather(inner);
  };
  for (const Directive& directive : configuration) gather(directive);

  std::vector<advice::Finding> findings;
  std::map<std::string, bool> known;
  for (const auto& [server, directive] : places) {
    if (server.starts_with("unix:") || server.starts_with('[') || upstreams.contains(server)) continue;
    const std::string host = server.substr(0, server.find(':'));
    if (!known.contains(host)) {
      addrinfo* found = nullptr;
      known[host] = ::getaddrinfo(host.c_str(), nullptr, nullptr, &found) == 0;
      if (found != nullptr) ::freeaddrinfo(found);
    }
    if (known[host]) continue;
    findings.push_back({directive->at, "nobody knows the name \"" + host +
                                           "\" now: nginx does not start like this (\"host not found in upstream\"); "
                                           "here clients get 503 until it is known"});
  }
  return findings;
}

std::vector<BackendFinding> probe_backends(const Invocation& invocation,
                                           const std::vector<config::Directive>& configuration) {
  Prober prober(invocation);
  advice::visit(
      configuration, [](const advice::Server&) {}, [&](const RegistryPath& path) { prober.look_at(path); });
  return prober.take();
}

}  // namespace caisson::app
