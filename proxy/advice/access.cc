#include <algorithm>

#include "advice/rules.h"

namespace caisson::advice {

namespace {

using config::Directive;

bool asks_for_password(const Scope& scope) {
  const Directive* const realm = scope.one("auth_basic");
  return realm != nullptr && realm->args.front() != "off" && scope.one("auth_basic_user_file") != nullptr;
}

}  // namespace

void passwords_in_clear(const RegistryPath& path, Findings& findings) {
  if (!asks_for_password(path.scope) || path.server.any_tls) return;
  findings.add(
      path.scope.one("auth_basic")->at,
      "passwords are asked for without TLS on this server: they cross the network in the clear, and Docker sends "
      "them only to a registry that it was told to take for insecure; write \"listen 443 ssl;\" with a "
      "certificate, unless another proxy in front ends TLS");
}

// moby/moby#40290 is one of many threads about it.
void anonymous_pull(const RegistryPath& path, Findings& findings) {
  if (asks_for_password(path.scope)) return;
  for (const Directive* block : path.location.own("limit_except")) {
    const Scope scope(*block, &path.location);
    if (scope.own("auth_basic").empty() && scope.own("auth_basic_user_file").empty()) continue;
    if (!asks_for_password(scope)) continue;
    findings.add(block->at,
                 "only some methods ask for a password: Docker learns from GET /v2/ whether to send one, so \"docker "
                 "login\" takes any password and \"docker push\" ends in \"unauthorized\"; ask on all methods, or let "
                 "pushes come to a server_name of their own");
  }
}

void two_authorities(const RegistryPath& path, Findings& findings) {
  if (path.embedded || !asks_for_password(path.scope) || path.request_header("Authorization") != nullptr) return;
  findings.add(path.proxy_pass.at,
               "the password checked here goes on to the registry, too: one that asks for passwords itself answers it "
               "with 401, and the client asks again and again; if yours does, write \"proxy_set_header Authorization "
               "\"\";\"");
}

}  // namespace caisson::advice
