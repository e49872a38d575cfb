#include <algorithm>

#include "advice/rules.h"
#include "base/text.h"

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

// nginx leaves hashes to the C library's crypt(), and no libc knows Argon2.
void hashes_of_no_libc(const RegistryPath& path, const config::Files& files, Findings& findings) {
  const Directive* const named = path.scope.one("auth_basic_user_file");
  if (named == nullptr || !asks_for_password(path.scope)) return;
  for (const auto& [file, content] : files) {
    if (!file.ends_with(named->args.front())) continue;
    unsigned number = 0;
    for (const std::string_view line : text::split(content, '\n')) {
      ++number;
      if (line.find(":$argon2") == std::string_view::npos) continue;
      findings.add({file, number},
                   "nginx cannot read an Argon2 hash: back there, this user is answered with 500; for both, make the "
                   "line with: htpasswd -nbB USER PASSWORD");
    }
  }
}

}  // namespace caisson::advice
