// The values of registry:2's configuration as directives of our language.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/directive.h"
#include "registry/face/values.h"

namespace caisson::registry::face {

struct Surroundings {
  std::string name;  // where what nobody wrote is said to stand: the file
  bool ipv6 = true;
};

std::vector<config::Directive> compose(const Values& values, const Surroundings& around, Findings& findings);

// The parts of it. Each adds to the block that is given.

using Block = std::vector<config::Directive>;

inline config::Directive line(std::string name, std::vector<std::string> args, const config::SourcePos& at) {
  return {std::move(name), std::move(args), at};
}
inline config::Directive block(std::string name, std::vector<std::string> args, const config::SourcePos& at,
                               Block inside) {
  return {std::move(name), std::move(args), at, std::move(inside), true};
}

// Text for a directive that would read "$" as the beginning of a variable: the variable of that name is put there.
std::string literal(std::string_view text);

// `listen` for http.addr and http.net, or for the debug listener's address; `options` such as "ssl" with each.
void add_listens(Block& server, const Value& addr, const std::string& path, bool unix_socket,
                 const Surroundings& around, const std::vector<std::string>& options, Findings& findings);
// Certificates, protocols and ciphers. False when the server speaks plain HTTP.
bool add_tls(Block& server, const Values& values, Findings& findings);
// notifications.*, beside `registry`.
void add_notifications(Block& upstream, const Values& values, Findings& findings);
// auth.token.*, which stands at `section`: what guards the API.
Block token_guards(const Values& values, const config::SourcePos& section, Findings& findings);
// storage.maintenance: collecting garbage, and retention.
void add_collecting(Block& upstream, const Values& values, Findings& findings);
// health.*: the checks, at the level of http.
void add_health_checks(Block& http, const Values& values, Findings& findings);
// log.*: the error log, at the top level.
void add_error_log(Block& top, const Values& values, const config::SourcePos& otherwise, Findings& findings);

}  // namespace caisson::registry::face
