#include <algorithm>
#include <array>

#include "advice/rules.h"
#include "base/text.h"

namespace caisson::advice {

namespace {

using config::Directive;

// Calls for every location of the server, however deep, with its path; not for regexes and names.
template <class Function>
void for_prefixes(const Directive& block, const Function& function) {
  for (const Directive& inner : block.block) {
    if (inner.name != "location") continue;
    const std::string& first = inner.args.front();
    const bool prefix = inner.args.size() == 1 ? !first.starts_with('@') : first == "^~";
    if (prefix) function(inner, inner.args.back());
    for_prefixes(inner, function);
  }
}

// What a proxy_pass puts in the place of the location's path; "" when it passes paths on as they are.
std::string uri_of(const Directive& pass) {
  const std::string& url = pass.args.front();
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos || url.find('$') != std::string::npos) return {};
  const std::size_t slash = url.find('/', scheme + 3);
  return slash == std::string::npos ? "" : url.substr(slash);
}

}  // namespace

// ngx_http_proxy_module, proxy_pass with a URI: the path is decoded, and encoded again.
void rewritten_path(const RegistryPath& path, Findings& findings) {
  const std::string uri = uri_of(path.proxy_pass);
  if (uri.empty() || path.prefix.empty()) return;
  if (uri == path.prefix) {
    findings.add(path.proxy_pass.at, "\"" + uri +
                                         "\" at the end of proxy_pass changes nothing but that paths are decoded "
                                         "and encoded anew on the way; leave it out");
  } else if (path.prefix.starts_with("/v2")) {
    findings.add(path.proxy_pass.at,
                 "proxy_pass puts \"" + uri + "\" in the place of \"" + path.prefix +
                     "\", and a registry answers below /v2/ alone: clients get 404; leave the path out");
  }
}

// ngx_http_upstream_resolve: names that only a request makes are looked up by the resolver that the configuration
// names.
void name_by_variable(const RegistryPath& path, Findings& findings) {
  const std::string_view url = path.proxy_pass.args.front();
  const std::size_t scheme = url.find("://");
  const std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  const std::string_view host = rest.substr(0, rest.find_first_of(":/"));
  if (host.find('$') == std::string_view::npos || path.scope.one("resolver") != nullptr) return;
  findings.add(
      path.proxy_pass.at,
      "nginx looks a name up that comes out of variables, and no resolver is named: unless it is an upstream's, "
      "clients get 502 there (here the system's resolver answers); write \"resolver 127.0.0.11;\" or the like");
}

// A redirect to a host's bare root: whatever a client asked for, it gets the first page.
void redirect_loses_path(const Server& server, Findings& findings) {
  const auto look_at = [&](const Directive& block) {
    for (const Directive* back : Scope(block, nullptr).own("return")) {
      const std::string& url = back->args.back();
      const std::size_t host = url.find("://");
      if (host == std::string::npos || (back->args.size() > 1 && !back->args.front().starts_with('3'))) continue;
      const std::size_t path = url.find('/', host + 3);
      const bool bare = path == std::string::npos || path + 1 == url.size();
      // "$host$request_uri" has no slash of its own.
      if (!bare || url.find("uri", host) != std::string::npos) continue;
      findings.add(back->at, "every request is sent on to \"" + url +
                                 "\", whatever it was for: a client that asked for an image ends at the first page; "
                                 "write \"return 301 https://$host$request_uri;\"");
    }
  };
  look_at(server.scope.block());
  for (const Directive& inner : server.scope.block().block) {
    if (inner.name == "location" && inner.args.back() == "/") look_at(inner);
  }
}

void dead_api(const Server& server, Findings& findings) {
  for_prefixes(server.scope.block(), [&](const Directive& location, const std::string& prefix) {
    if (!prefix.starts_with("/v1") && prefix != "/_ping") return;
    findings.add(location.at, "\"" + prefix +
                                  "\" belongs to the registry API v1, which no client has spoken since Docker "
                                  "17.12; the location can go");
  });
}

void below_a_folder(const Server& server, Findings& findings) {
  for_prefixes(server.scope.block(), [&](const Directive& location, const std::string& prefix) {
    const std::string lowered = text::lowered(prefix);
    if (!lowered.starts_with("/registry") && !lowered.starts_with("/docker")) return;
    const Directives passes = Scope(location, nullptr).own("proxy_pass");
    if (passes.empty() || uri_of(*passes.front()) != "/") return;
    findings.add(location.at,
                 "Docker asks for /v2/ at the root of the host whatever the image is called, and never for \"" +
                     prefix + "\"; give the registry a server_name of its own, with \"location /v2/\"");
  });
}

// ngx_http_core_module, alias: its text takes the place of the location's, letter by letter.
void alias_without_slash(const Server& server, Findings& findings) {
  for_prefixes(server.scope.block(), [&](const Directive& location, const std::string& prefix) {
    for (const Directive* alias : Scope(location, nullptr).own("alias")) {
      const bool slash = alias->args.front().ends_with('/');
      if (slash == prefix.ends_with('/')) continue;
      const std::string what =
          slash ? "the location has no slash at its end and the alias has one: \"" + prefix + "../\" leads out of it"
                : "the location ends with a slash and the alias does not: \"" + prefix + "a\" is looked for at \"" +
                      alias->args.front() + "a\"";
      findings.add(alias->at, what + "; end both with a slash");
    }
  });
}

void tls_port_without_tls(const Server& server, Findings& findings) {
  for (std::size_t i = 0; i < server.listens.size(); ++i) {
    const Directive& listen = *server.listens[i];
    const unsigned port = server.ports[i];
    if (server.any_tls || (port != 443 && port != 5043 && port != 8443)) continue;
    findings.add(listen.at, "port " + std::to_string(port) +
                                " speaks plain HTTP: \"docker login\" says \"server gave HTTP "
                                "response to HTTPS client\"; write \"listen " +
                                listen.args.front() + " ssl;\"");
  }
}

void old_protocols(const Server& server, Findings& findings) {
  const Directive* const protocols = server.scope.one("ssl_protocols");
  if (protocols == nullptr || !server.any_tls) return;
  constexpr std::array old{"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"};
  const bool has_old = std::any_of(protocols->args.begin(), protocols->args.end(), [&](const std::string& name) {
    return std::any_of(old.begin(), old.end(), [&](std::string_view one) { return text::iequals(name, one); });
  });
  if (has_old) {
    findings.add(protocols->at,
                 "TLS 1.0 and 1.1 are broken, no registry client of the last ten years needs them, and "
                 "OpenSSL refuses them at its usual security level; write \"ssl_protocols TLSv1.2 TLSv1.3;\"");
  }
}

void placeholder_name(const Server& server, Findings& findings) {
  for (const Directive* names : server.scope.own("server_name")) {
    for (const std::string& name : names->args) {
      const std::string lowered = text::lowered(name);
      if (name.starts_with('~')) continue;
      const bool placeholder = lowered.find('<') != std::string::npos || lowered.find("your") == 0 ||
                               lowered.ends_with("example.com") || lowered == "my.domain";
      if (placeholder) {
        findings.add(names->at, "\"" + name +
                                    "\" looks like a tutorial's name: requests for your own reach this server "
                                    "only as long as it is the first; write the name that clients use");
      }
    }
  }
}

}  // namespace caisson::advice
