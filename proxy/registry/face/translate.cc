#include "registry/face/translate.h"

#include "registry/face/compose.h"
#include "registry/face/environment.h"
#include "registry/face/values.h"

namespace caisson::registry::face {
namespace {

// The configuration inside the registry:2 image.
constexpr std::string_view image_defaults = R"(
version: 0.1
log: {fields: {service: registry}}
storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000", headers: {X-Content-Type-Options: [nosniff]}}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
)";
constexpr const char* defaults_name = "the defaults of registry:2";
constexpr const char* usual_users = "/auth/htpasswd";

Result<ParsedYaml> read_base(const Call& call, config::Source& files) {
  if (call.config.empty()) return parse_yaml(image_defaults, defaults_name, true);
  Result<std::string> text = files.read(call.config);
  if (!text.ok()) return std::move(text).error();
  return parse_yaml(text.value(), call.config);
}

void check_version(const Values& values, const std::string& config, Findings& findings) {
  const Value* const version = values.find("version");
  if (version == nullptr) {
    findings.errors.push_back(config::error_at({config, 0}, "no \"version\"", "its first line is \"version: 0.1\""));
  } else if (version->word() != "0.1") {
    findings.errors.push_back(config::error_at(version->at, "unsupported version \"" + version->word() + '"',
                                               "registry:2 writes \"version: 0.1\""));
  }
}

// A widespread tutorial mounts a folder at /auth and sets no path. Only looked for, not read: whoever reads the users
// has the file watched, too.
void complete_users(Values& values, config::Source& files, Findings& findings) {
  const auto section = values.section("auth.htpasswd");
  if (!section || values.find("auth.htpasswd.path") != nullptr) return;
  const Result<std::vector<std::string>> found = files.glob(usual_users);
  if (!found.ok() || found.value().empty()) return;
  findings.warnings.push_back(
      config::error_at(*section,
                       std::string("\"auth.htpasswd\" has no \"path\"; ") + usual_users + " is there and is used",
                       std::string("registry:2 would not start; say so by REGISTRY_AUTH_HTPASSWD_PATH=") + usual_users)
          .what);
  values.add("auth.htpasswd.path", {{usual_users}, *section});
}

}  // namespace

config::Parsed translate(const Call& call, config::Source& files) {
  config::Parsed parsed;
  Result<ParsedYaml> base = read_base(call, files);
  if (!base.ok()) {
    parsed.errors.push_back(std::move(base).error());
    return parsed;
  }
  Findings findings{{}, std::move(base.value().warnings)};
  Node& root = base.value().root;
  apply_environment(call.environment, files, root, findings);
  Values values = read_values(root, findings);
  check_version(values, call.config, findings);
  complete_users(values, files, findings);
  parsed.directives = compose(values, {call.config.empty() ? defaults_name : call.config, call.ipv6}, findings);
  for (Error& error : findings.errors) parsed.errors.emplace_back(std::move(error));
  parsed.warnings = std::move(findings.warnings);
  // Half a configuration would only bring errors that follow from those.
  if (!parsed.errors.empty()) parsed.directives.clear();
  return parsed;
}

}  // namespace caisson::registry::face
