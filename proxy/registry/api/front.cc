#include "registry/api/front.h"

#include <array>
#include <memory>

#include "registry/api/metrics.h"
#include "registry/api/query.h"
#include "registry/api/refusal.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/setters.h"

namespace caisson::registry {
namespace {

Result<void> set_prefix(rules::Loader& loader, const config::Directive& d) {
  auto& prefix = loader.level().own<FrontSettings>().prefix;
  if (prefix) return config::config_error(d, "is duplicate");
  std::string text = d.args[0];
  if (!text.starts_with('/')) return config::config_error(d, "begins with \"/\"");
  while (text.ends_with('/')) text.pop_back();
  prefix = std::move(text);
  return {};
}

Result<void> count_requests(rules::Loader& loader, const config::Directive& d) {
  auto& metrics = loader.level().own<FrontSettings>().metrics;
  if (metrics) return config::config_error(d, "is duplicate");
  metrics = std::make_shared<Metrics>();
  if (auto* all = loader.services().metrics) {
    all->add([counted = metrics](observe::Exposition& to) { counted->write(to); });
  }
  return {};
}

constexpr auto no_block = rules::DirectiveSpec::Body::None;

constexpr std::array directives = {
    rules::DirectiveSpec{"registry_prefix", rules::Http | rules::Server, 1, 1, no_block, &set_prefix},
    rules::DirectiveSpec{"registry_metrics", rules::Http, 0, 0, no_block, &count_requests},
};

}  // namespace

Route find_route_behind(std::string_view prefix, std::string_view path) noexcept {
  if (prefix.empty() || path == "/") return find_route(path);
  if (!path.starts_with(prefix) || path.size() <= prefix.size() + 1) return {};
  return find_route(path.substr(prefix.size()));
}

// The accesses that a request needs, as registry:2 lists them for a client that has none (registry contract, section
// 7).
std::string wanted_accesses(const rules::RequestState& state, const Route& route) {
  const auto access = [](std::string_view type, std::string_view name, std::string_view action) {
    return R"({"Type":")" + std::string(type) + R"(","Class":"","Name":)" + json_string(name) + R"(,"Action":")" +
           std::string(action) + R"("})";
  };
  switch (route.kind) {
    case Route::Kind::Unknown:
    case Route::Kind::Root:
    case Route::Kind::Version:
    case Route::Kind::VersionBare:
      return "null";
    case Route::Kind::Catalog:
      return '[' + access("registry", "catalog", "*") + ']';
    default:
      break;
  }
  const std::string& method = state.exchange.request().method;
  std::string list = "[";
  if (method == "DELETE") {
    list += access("repository", route.name, "delete");
  } else {
    list += access("repository", route.name, "pull");
    const bool writes = method == "POST" || method == "PUT" || method == "PATCH";
    if (writes) list += ',' + access("repository", route.name, "push");
  }
  if (const auto from = query_value(state.args, "from"); from && !from->empty()) {
    list += ',' + access("repository", *from, "pull");
  }
  return list + ']';
}

void describe_front(rules::Language& language) {
  language.add_directives(directives);
  language.add_observer(std::make_unique<RequestMeter>());
}

}  // namespace caisson::registry
