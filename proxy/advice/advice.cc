#include "advice/advice.h"

#include <array>

#include "advice/rules.h"

namespace caisson::advice {

namespace {

constexpr std::array path_rules{
    &body_limit,           &read_timeout,          &compression,       &host_header,        &forwarded_scheme,
    &lost_request_headers, &lost_response_headers, &version_header,    &passwords_in_clear, &anonymous_pull,
    &two_authorities,      &rewritten_path,        &no_version_header, &name_by_variable,
};

constexpr std::array server_rules{
    &dead_api,      &below_a_folder,   &alias_without_slash, &tls_port_without_tls,
    &old_protocols, &placeholder_name, &redirect_loses_path,
};

}  // namespace

std::vector<Finding> advise(const std::vector<config::Directive>& configuration, const config::Files& files) {
  Findings findings;
  const auto on_server = [&](const Server& server) {
    for (const auto rule : server_rules) rule(server, findings);
  };
  const auto on_path = [&](const RegistryPath& path) {
    for (const auto rule : path_rules) rule(path, findings);
    hashes_of_no_libc(path, files, findings);
  };
  visit(configuration, on_server, on_path);
  return findings.take();
}

}  // namespace caisson::advice
