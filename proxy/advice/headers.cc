#include <algorithm>

#include "advice/rules.h"
#include "base/text.h"

namespace caisson::advice {

namespace {

using config::Directive;

constexpr std::string_view version_name = "Docker-Distribution-Api-Version";

// A port that clients must name: the header Host has it then, and $host has not.
bool has_other_port(const Server& server) {
  return std::any_of(server.ports.begin(), server.ports.end(), [](unsigned port) { return port != 80 && port != 443; });
}

std::string names_of(const Directives& directives, const Directives& but) {
  std::string names;
  for (const Directive* one : directives) {
    const std::string& name = one->args.front();
    const bool there = std::any_of(but.begin(), but.end(),
                                   [&](const Directive* other) { return text::iequals(other->args.front(), name); });
    if (!there) names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

// Looks from the location outwards for a block that hides what stands around it.
void hidden_by_inner(const RegistryPath& path, std::string_view directive, std::string_view consequence,
                     Findings& findings) {
  for (const Scope* scope = &path.scope; scope != nullptr && scope->outer() != nullptr; scope = scope->outer()) {
    const Directives mine = scope->own(directive);
    if (mine.empty()) continue;
    const std::string lost = names_of(scope->hidden(directive), mine);
    if (!lost.empty()) {
      findings.add(mine.front()->at, std::string(directive) + " here cancels those of the outer block (" + lost +
                                         "): " + std::string(consequence) + "; repeat them here");
    }
    return;
  }
}

}  // namespace

void host_header(const RegistryPath& path, Findings& findings) {
  const Directive* const host = path.request_header("Host");
  if (host == nullptr) {
    findings.add(path.proxy_pass.at,
                 "the registry is not told the Host that the client used: the Location of an upload then names the "
                 "backend, and \"docker push\" goes there; write \"proxy_set_header Host $http_host;\"");
  } else if (host->args.size() > 1 && host->args[1] == "$host" && has_other_port(path.server)) {
    findings.add(
        host->at,
        "$host has no port, and this server listens on another than 80 and 443: \"docker push\" goes on at the "
        "wrong port; write \"proxy_set_header Host $http_host;\"");
  }
}

void forwarded_scheme(const RegistryPath& path, Findings& findings) {
  const Directive* const proto = path.request_header("X-Forwarded-Proto");
  if (proto == nullptr) {
    if (path.embedded || !path.server.any_tls) return;
    findings.add(
        path.proxy_pass.at,
        "the registry is not told that clients use https: its upload Locations begin with http://, for which "
        "\"docker push\" says \"unauthorized\" or \"blob upload unknown\" (they are put right here, nginx sends "
        "them on); write \"proxy_set_header X-Forwarded-Proto $scheme;\"");
  } else if (proto->args.size() > 1 && proto->args[1] == "$scheme" && !path.server.any_tls) {
    findings.add(
        proto->at,
        "$scheme is http on this listener; if another proxy in front ends TLS, the registry sends \"docker push\" "
        "to http://; then write a map that takes $http_x_forwarded_proto, and $scheme when it is empty");
  }
}

void lost_request_headers(const RegistryPath& path, Findings& findings) {
  hidden_by_inner(path, "proxy_set_header", "the registry does not get them", findings);
}

void lost_response_headers(const RegistryPath& path, Findings& findings) {
  hidden_by_inner(path, "add_header", "answers of this location go without them", findings);
}

void version_header(const RegistryPath& path, Findings& findings) {
  for (const Directive* header : path.scope.in_force("add_header")) {
    if (!text::iequals(header->args.front(), version_name)) continue;
    if (std::find(header->args.begin(), header->args.end(), "always") == header->args.end()) {
      findings.add(
          header->at,
          "without \"always\" nginx leaves this header out of its 401, where \"docker login\" looks for it (it is "
          "always there here); write \"always\" at the end");
    } else if (!path.embedded && header->args.size() > 1 && header->args[1].find('$') == std::string::npos) {
      findings.add(
          header->at,
          "nginx sends this header beside the registry's own, twice (once here); in nginx, take the value from "
          "a map of $upstream_http_docker_distribution_api_version that is empty when the registry sent one");
    }
  }
  if (const Directive* const sent = path.request_header(version_name)) {
    findings.add(sent->at,
                 "a registry takes no notice of this request header; \"add_header\" was meant, with \"always\"");
  }
}

// distribution/distribution#397 and others: clients look for it on the 401, and it is nginx that makes this 401.
void no_version_header(const RegistryPath& path, Findings& findings) {
  const Directive* const realm = path.scope.one("auth_basic");
  if (realm == nullptr || realm->args.front() == "off") return;
  const Directives headers = path.scope.in_force("add_header");
  const bool there = std::any_of(headers.begin(), headers.end(), [](const Directive* header) {
    return text::iequals(header->args.front(), version_name);
  });
  if (there) return;
  findings.add(
      realm->at,
      "nginx's own 401 goes without Docker-Distribution-Api-Version, by which old clients know a registry of API "
      "v2 (it is always there here); for nginx, write \"add_header Docker-Distribution-Api-Version "
      "registry/2.0 always;\"");
}

}  // namespace caisson::advice
