#include "registry/notify/module.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/arguments.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::registry::notify {
namespace {

using config::Directive;

// A line's end would begin another header.
bool is_header(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 && text.find_first_of("\r\n") == std::string_view::npos;
}

Result<bool> take_credentials(rules::Loader& loader, std::string_view file, EndpointSettings& into) {
  std::string path = loader.from_conf(file);
  auto text = loader.files().read(path);
  if (!text.ok()) return std::move(text).error();
  into.credentials = std::make_shared<SharedSecret>();
  into.credentials->set(text.value());
  loader.root().own<SecretFiles>().all.emplace(std::move(path), into.credentials);
  return into.credentials->get().find(':') != std::string::npos;
}

// False when the word is no parameter, or has no such value.
Result<bool> take_parameter(rules::Loader& loader, std::string_view word, EndpointSettings& into) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (name == "header") {
    into.headers.emplace_back(value);
    return is_header(value);
  }
  if (name == "credentials") return take_credentials(loader, value, into);
  if (name == "ignore_type" || name == "ignore_action") {
    (name == "ignore_type" ? into.ignored_media_types : into.ignored_actions).emplace_back(value);
    return !value.empty();
  }
  if (name == "timeout" || name == "backoff") {
    const auto time = config::parse_milliseconds(value);
    if (!time || time->count() <= 0) return false;
    (name == "timeout" ? into.timeout : into.backoff) = *time;
    return true;
  }
  if (name == "threshold") {
    const auto number = text::to_number(value);
    if (!number || *number == 0 || *number > 1'000'000) return false;
    into.threshold = static_cast<unsigned>(*number);
    return true;
  }
  const auto size = name == "queue" ? config::parse_offset(value) : std::nullopt;
  into.queue_bytes = size.value_or(0);
  return into.queue_bytes > 0;
}

Result<void> add_endpoint(rules::Loader& loader, const Directive& d) {
  auto& endpoints = loader.level().own<NotifySettings>().endpoints;
  EndpointSettings endpoint;
  endpoint.name = d.args[0];
  endpoint.url = d.args[1];
  const auto known = [&](const EndpointSettings& other) { return other.name == endpoint.name; };
  if (endpoint.name.empty() || std::any_of(endpoints.begin(), endpoints.end(), known)) {
    return config::config_error(d, "needs a name of its own for each receiver");
  }
  if (!endpoint.url.starts_with("http://") && !endpoint.url.starts_with("https://")) {
    return config::config_error(d, "needs a URL such as \"https://receiver.example.com/events\"");
  }
  for (std::size_t i = 2; i < d.args.size(); ++i) {
    auto taken = take_parameter(loader, d.args[i], endpoint);
    if (!taken.ok()) return config::config_error(d, "cannot read its file: " + taken.error().what);
    // What stands behind the "=" may be a secret.
    if (!taken.value())
      return config::config_error(d, "has an invalid parameter \"" + d.args[i].substr(0, d.args[i].find('=')) + '"');
  }
  endpoints.push_back(std::move(endpoint));
  return {};
}

constexpr auto no_block = rules::DirectiveSpec::Body::None;

constexpr std::array directives = {
    rules::DirectiveSpec{"registry_notify", rules::Upstream, 2, rules::any_number, no_block, &add_endpoint},
    rules::DirectiveSpec{"registry_notify_references", rules::Upstream, 1, 1, no_block,
                         &rules::set_flag<&NotifySettings::references>},
    rules::DirectiveSpec{"registry_notify_source", rules::Upstream, 1, 1, no_block,
                         &rules::set_text<&NotifySettings::source>},
};

}  // namespace

void describe(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::registry::notify
