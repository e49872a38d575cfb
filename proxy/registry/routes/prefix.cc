#include "registry/routes/prefix.h"

#include <array>

#include "rules/loader.h"

namespace caisson::registry {
namespace {

Result<void> set_prefix(rules::Loader& loader, const config::Directive& d) {
  auto& prefix = loader.level().own<Prefix>().path;
  if (prefix) return config::config_error(d, "is duplicate");
  std::string text = d.args[0];
  if (!text.starts_with('/')) return config::config_error(d, "begins with \"/\"");
  while (text.ends_with('/')) text.pop_back();
  prefix = std::move(text);
  return {};
}

constexpr std::array directives = {
    rules::DirectiveSpec{"registry_prefix", rules::Http | rules::Server, 1, 1, rules::DirectiveSpec::Body::None,
                         &set_prefix},
};

}  // namespace

Route find_route_behind(std::string_view prefix, std::string_view path) noexcept {
  if (prefix.empty() || path == "/") return find_route(path);
  if (!path.starts_with(prefix) || path.size() <= prefix.size() + 1) return {};
  return find_route(path.substr(prefix.size()));
}

void describe_prefix(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::registry
