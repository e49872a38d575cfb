#include "registry/api/module.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "registry/api/api.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::registry {
namespace {

// What one upstream block says.
struct RegistrySettings {
  std::optional<config::Directive> folder;
  std::optional<bool> delete_enabled;
  std::optional<bool> read_only;
};

// The command that mends a folder which this process could not use.
std::string mending(const std::string& folder, ErrorCode problem) {
  if (problem == ErrorCode::NotFound) return "\"mkdir -p " + folder + "\" makes it";
  if (problem != ErrorCode::ReadOnly) return {};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  const std::string user = found != nullptr ? found->pw_name : std::to_string(::geteuid());
  return "the worker runs as " + user + ": \"chown -R " + user + ' ' + folder +
         "\", or another user by the \"user\" directive, or \"registry_read_only on;\"";
}

// The handler is there at once, so that whoever ends the block finds it; it opens its folder when the process that is
// going to serve starts, with that process's rights.
Result<void> apply_registry(rules::Loader& loader, const config::Directive& directive) {
  auto& settings = loader.level().own<RegistrySettings>();
  if (settings.folder) return config::config_error(directive, "is duplicate");
  settings.folder = directive;
  const auto api = std::make_shared<Api>(loader.services().disk);
  loader.level().own<rules::EmbeddedUpstream>().handler = api;
  loader.at_start([api, &settings, &root = loader.root(), folder = loader.from_prefix(directive.args[0])] {
    const auto& log = root.get<rules::ErrorLogSettings>().log;
    auto opened = api->open({folder, settings.delete_enabled.value_or(false), settings.read_only.value_or(false)},
                            log.value_or(observe::ErrorLog()));
    if (opened.ok()) return opened;
    return Result<void>(config::config_error(*settings.folder, "cannot use its folder: " + opened.error().what,
                                             mending(folder, opened.error().code)));
  });
  return {};
}

Result<void> check_block(rules::Loader&, rules::Level& level) {
  const auto& settings = level.own<RegistrySettings>();
  if (settings.folder || (!settings.delete_enabled && !settings.read_only)) return {};
  const std::string_view name = settings.delete_enabled ? "registry_delete" : "registry_read_only";
  return config::error_at(level.at(), "\"" + std::string(name) + "\" without \"registry\" in this block");
}

constexpr auto kNoBlock = rules::DirectiveSpec::Body::None;

constexpr std::array kDirectives{
    rules::DirectiveSpec{"registry", rules::Upstream, 1, 1, kNoBlock, apply_registry},
    rules::DirectiveSpec{"registry_delete", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::delete_enabled>},
    rules::DirectiveSpec{"registry_read_only", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::read_only>},
};

}  // namespace

void describe(rules::Language& language) {
  language.add_directives(kDirectives);
  language.add_block_end(rules::Upstream, check_block);
}

}  // namespace caisson::registry
