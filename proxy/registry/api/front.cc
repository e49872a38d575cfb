#include "registry/api/front.h"

#include <array>
#include <memory>

#include "registry/api/metrics.h"
#include "rules/loader.h"

namespace caisson::registry {
namespace {

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
    rules::DirectiveSpec{"registry_metrics", rules::Http, 0, 0, no_block, &count_requests},
};

}  // namespace

void describe_front(rules::Language& language) {
  language.add_directives(directives);
  language.add_observer(std::make_unique<RequestMeter>());
}

}  // namespace caisson::registry
