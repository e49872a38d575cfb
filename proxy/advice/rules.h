// The rules, one function each; advice.cc names them all. A rule looks at one place and adds what it finds.
#pragma once

#include "advice/site.h"

namespace caisson::advice {

// bodies.cc: what may go through, and for how long
void body_limit(const RegistryPath& path, Findings& findings);
void read_timeout(const RegistryPath& path, Findings& findings);
void compression(const RegistryPath& path, Findings& findings);

// headers.cc: what the registry and the client are told
void host_header(const RegistryPath& path, Findings& findings);
void forwarded_scheme(const RegistryPath& path, Findings& findings);
void lost_request_headers(const RegistryPath& path, Findings& findings);
void lost_response_headers(const RegistryPath& path, Findings& findings);
void version_header(const RegistryPath& path, Findings& findings);
void no_version_header(const RegistryPath& path, Findings& findings);

// access.cc: who gets in
void passwords_in_clear(const RegistryPath& path, Findings& findings);
void anonymous_pull(const RegistryPath& path, Findings& findings);
void two_authorities(const RegistryPath& path, Findings& findings);
void hashes_of_no_libc(const RegistryPath& path, const config::Files& files, Findings& findings);

// addresses.cc: where requests come in and what path they have
void rewritten_path(const RegistryPath& path, Findings& findings);
void name_by_variable(const RegistryPath& path, Findings& findings);
void dead_api(const Server& server, Findings& findings);
void below_a_folder(const Server& server, Findings& findings);
void alias_without_slash(const Server& server, Findings& findings);
void tls_port_without_tls(const Server& server, Findings& findings);
void old_protocols(const Server& server, Findings& findings);
void placeholder_name(const Server& server, Findings& findings);
void redirect_loses_path(const Server& server, Findings& findings);

}  // namespace caisson::advice
