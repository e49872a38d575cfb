#include "advice/rules.h"
#include "config/arguments.h"

namespace caisson::advice {

// ngx_http_core_module, client_max_body_size: 1m when nothing is said.
void body_limit(const RegistryPath& path, Findings& findings) {
  const config::Directive* const limit = path.scope.one("client_max_body_size");
  if (limit == nullptr) {
    findings.add(
        path.location.block().at,
        "request bodies may have 1 MiB here, since client_max_body_size is not set: \"docker push\" of a layer "
        "ends in 413, or in endless \"Retrying\"; write \"client_max_body_size 0;\"");
    return;
  }
  const auto size = config::parse_offset(limit->args.front());
  if (!size || *size == 0) return;
  findings.add(limit->at, "client_max_body_size " + limit->args.front() +
                              " ends \"docker push\" of a larger layer with 413; write \"client_max_body_size 0;\" "
                              "unless that is meant");
}

// ngx_http_proxy_module, proxy_read_timeout: 60s when nothing is said.
void read_timeout(const RegistryPath& path, Findings& findings) {
  if (path.embedded || path.scope.one("proxy_read_timeout") != nullptr) return;
  findings.add(
      path.proxy_pass.at,
      "the registry may be silent for 60 s, since proxy_read_timeout is not set: a large layer's last request, "
      "which is answered when it has been checked and stored, ends in 504 at 100 %; write \"proxy_read_timeout "
      "900;\"");
}

void compression(const RegistryPath& path, Findings& findings) {
  const config::Directive* const gzip = path.scope.one("gzip");
  if (gzip == nullptr || gzip->args.front() != "on") return;
  findings.add(
      gzip->at,
      "gzip is on over a registry: nginx then takes Content-Length and ETag from what it compresses, and clients "
      "that ask for a manifest's size fail; here such answers stay as they are; write \"gzip off;\" in that "
      "location");
}

}  // namespace caisson::advice
