#include "registry/api/module.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "observe/metrics.h"
#include "registry/api/api.h"
#include "registry/api/front.h"
#include "registry/notify/module.h"
#include "registry/routes/prefix.h"
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
  std::optional<bool> purging;
  std::optional<std::chrono::milliseconds> purge_age;
  std::optional<std::chrono::milliseconds> purge_interval;
  std::optional<bool> purge_dry_run;
  std::optional<std::uint64_t> catalog_most;
  std::optional<std::vector<rules::Regex>> allowed_urls;
  std::optional<std::vector<rules::Regex>> denied_urls;
  std::optional<bool> urls_unchecked;
  std::optional<bool> sparse_indexes;
  std::optional<bool> automatic_mount;
  std::optional<std::string> public_url;
  std::optional<bool> relative_urls;
  std::optional<bool> forwarded;
  std::optional<bool> make_folder;
  std::optional<Collecting> collecting;
  maintenance::Retention retention;
};

ApiSettings api_settings(const RegistrySettings& said, std::string root) {
  ApiSettings settings;
  const auto take = [](auto& into, const auto& value) {
    if (value) into = *value;
  };
  settings.root = std::move(root);
  take(settings.delete_enabled, said.delete_enabled);
  take(settings.read_only, said.read_only);
  take(settings.purging.enabled, said.purging);
  take(settings.purging.age, said.purge_age);
  take(settings.purging.interval, said.purge_interval);
  take(settings.purging.dry_run, said.purge_dry_run);
  take(settings.catalog_most, said.catalog_most);
  take(settings.layer_urls.allow, said.allowed_urls);
  take(settings.layer_urls.deny, said.denied_urls);
  take(settings.layer_urls.unchecked, said.urls_unchecked);
  take(settings.sparse_indexes, said.sparse_indexes);
  take(settings.automatic_mount, said.automatic_mount);
  take(settings.public_url, said.public_url);
  take(settings.relative_urls, said.relative_urls);
  take(settings.forwarded, said.forwarded);
  take(settings.make_root, said.make_folder);
  take(settings.collecting, said.collecting);
  settings.collecting.rules.retention = said.retention;
  return settings;
}

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
  if (auto* all = loader.services().metrics) {
    all->add([api](observe::Exposition& to) { api->write_notifications(to); });
  }
  loader.at_start([api, &settings, &level = loader.level(), &root = loader.root(),
                   folder = loader.from_prefix(directive.args[0])] {
    const auto& log = root.get<rules::ErrorLogSettings>().log;
    ApiSettings complete = api_settings(settings, folder);
    complete.prefix = level.get<Prefix>().str();
    complete.notifications = level.get<notify::NotifySettings>().complete();
    auto opened = api->open(std::move(complete), log.value_or(observe::ErrorLog()), level.get<FrontSettings>().metrics);
    if (opened.ok()) return opened;
    return Result<void>(config::config_error(*settings.folder, "cannot use its folder: " + opened.error().what,
                                             mending(folder, opened.error().code)));
  });
  return {};
}

template <std::optional<std::vector<rules::Regex>> RegistrySettings::*Member>
Result<void> set_patterns(rules::Loader& loader, const config::Directive& directive) {
  auto& patterns = loader.level().own<RegistrySettings>().*Member;
  if (patterns) return config::config_error(directive, "is duplicate");
  patterns.emplace();
  for (const std::string& text : directive.args) {
    auto pattern = rules::Regex::compile(text, rules::Regex::Case::Sensitive);
    if (!pattern.ok()) return config::config_error(directive, "has a bad pattern: " + pattern.error().what);
    patterns->push_back(std::move(pattern).value());
  }
  return {};
}

Result<void> set_public_url(rules::Loader& loader, const config::Directive& directive) {
  auto& url = loader.level().own<RegistrySettings>().public_url;
  if (url) return config::config_error(directive, "is duplicate");
  std::string text = directive.args[0];
  while (text.ends_with('/')) text.pop_back();
  if (!text.starts_with("http://") && !text.starts_with("https://")) {
    return config::config_error(directive, "needs a URL such as \"https://registry.example.com:5000\"");
  }
  url = std::move(text);
  return {};
}

Result<void> set_purge_interval(rules::Loader& loader, const config::Directive& directive) {
  auto done = rules::set_milliseconds<&RegistrySettings::purge_interval>(loader, directive);
  if (!done.ok()) return done;
  if (loader.level().own<RegistrySettings>().purge_interval->count() > 0) return {};
  return config::config_error(directive, "must be longer than nothing");
}

Result<void> set_collecting(rules::Loader& loader, const config::Directive& directive) {
  auto& collecting = loader.level().own<RegistrySettings>().collecting;
  if (collecting) return config::config_error(directive, "is duplicate");
  auto read = read_collecting(directive);
  if (!read.ok()) return std::move(read).error();
  collecting = std::move(read).value();
  return {};
}

Result<void> add_retention(rules::Loader& loader, const config::Directive& directive) {
  auto read = read_retention(directive);
  if (!read.ok()) return std::move(read).error();
  loader.level().own<RegistrySettings>().retention.push_back(std::move(read).value());
  return {};
}

constexpr auto kNoBlock = rules::DirectiveSpec::Body::None;
constexpr std::size_t kMostPatterns = 100;

constexpr std::array kDirectives{
    rules::DirectiveSpec{"registry", rules::Upstream, 1, 1, kNoBlock, apply_registry},
    rules::DirectiveSpec{"registry_delete", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::delete_enabled>},
    rules::DirectiveSpec{"registry_read_only", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::read_only>},
    rules::DirectiveSpec{"registry_upload_purging", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::purging>},
    rules::DirectiveSpec{"registry_upload_age", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_milliseconds<&RegistrySettings::purge_age>},
    rules::DirectiveSpec{"registry_upload_purge_interval", rules::Upstream, 1, 1, kNoBlock, set_purge_interval},
    rules::DirectiveSpec{"registry_upload_purge_dry_run", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::purge_dry_run>},
    rules::DirectiveSpec{"registry_catalog_max", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_number<&RegistrySettings::catalog_most>},
    rules::DirectiveSpec{"registry_layer_urls_allow", rules::Upstream, 1, kMostPatterns, kNoBlock,
                         &set_patterns<&RegistrySettings::allowed_urls>},
    rules::DirectiveSpec{"registry_layer_urls_deny", rules::Upstream, 1, kMostPatterns, kNoBlock,
                         &set_patterns<&RegistrySettings::denied_urls>},
    rules::DirectiveSpec{"registry_layer_urls_unchecked", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::urls_unchecked>},
    rules::DirectiveSpec{"registry_sparse_indexes", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::sparse_indexes>},
    rules::DirectiveSpec{"registry_automatic_mount", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::automatic_mount>},
    rules::DirectiveSpec{"registry_public_url", rules::Upstream, 1, 1, kNoBlock, set_public_url},
    rules::DirectiveSpec{"registry_relative_urls", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::relative_urls>},
    rules::DirectiveSpec{"registry_forwarded", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::forwarded>},
    rules::DirectiveSpec{"registry_make_folder", rules::Upstream, 1, 1, kNoBlock,
                         &rules::set_flag<&RegistrySettings::make_folder>},
    rules::DirectiveSpec{"registry_gc", rules::Upstream, 0, 8, kNoBlock, set_collecting},
    rules::DirectiveSpec{"registry_retention", rules::Upstream, 1, 5, kNoBlock, add_retention},
};

// The option of a registry that the block gives although it has none; "" when there is none.
std::string_view option_of(const RegistrySettings& said) {
  const std::array<std::pair<bool, std::string_view>, 18> given{{
      {said.delete_enabled.has_value(), "registry_delete"},
      {said.read_only.has_value(), "registry_read_only"},
      {said.purging.has_value(), "registry_upload_purging"},
      {said.purge_age.has_value(), "registry_upload_age"},
      {said.purge_interval.has_value(), "registry_upload_purge_interval"},
      {said.purge_dry_run.has_value(), "registry_upload_purge_dry_run"},
      {said.catalog_most.has_value(), "registry_catalog_max"},
      {said.allowed_urls.has_value(), "registry_layer_urls_allow"},
      {said.denied_urls.has_value(), "registry_layer_urls_deny"},
      {said.urls_unchecked.has_value(), "registry_layer_urls_unchecked"},
      {said.sparse_indexes.has_value(), "registry_sparse_indexes"},
      {said.automatic_mount.has_value(), "registry_automatic_mount"},
      {said.public_url.has_value(), "registry_public_url"},
      {said.relative_urls.has_value(), "registry_relative_urls"},
      {said.forwarded.has_value(), "registry_forwarded"},
      {said.make_folder.has_value(), "registry_make_folder"},
      {said.collecting.has_value(), "registry_gc"},
      {!said.retention.empty(), "registry_retention"},
  }};
  const auto found = std::find_if(given.begin(), given.end(), [](const auto& option) { return option.first; });
  return found == given.end() ? std::string_view() : found->second;
}

Result<void> check_block(rules::Loader&, rules::Level& level) {
  const auto& said = level.own<RegistrySettings>();
  const std::string_view name = option_of(said);
  if (said.folder && !said.retention.empty() && !said.collecting) {
    return config::error_at(
        level.at(), "\"registry_retention\" without \"registry_gc\" in this block",
        "\"registry_gc;\" collects once a day, \"registry_gc off;\" only when somebody asks for it");
  }
  if (!said.folder && level.has<notify::NotifySettings>()) {
    return config::error_at(level.at(), "\"registry_notify\" without \"registry\" in this block");
  }
  if (said.folder || name.empty()) return {};
  return config::error_at(level.at(), "\"" + std::string(name) + "\" without \"registry\" in this block");
}

}  // namespace

void describe(rules::Language& language) {
  language.add_directives(kDirectives);
  language.add_block_end(rules::Upstream, check_block);
  describe_prefix(language);
  describe_front(language);
  notify::describe(language);
}

}  // namespace caisson::registry
