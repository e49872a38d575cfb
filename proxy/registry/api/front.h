// What the gate knows of the registry behind it: where its paths begin, and how its requests are measured.
//
//     registry_prefix PATH;        the registry's paths begin with it, as in "/reg/v2/"; also for what the registry
//                                  inside tells its clients
//     registry_metrics;            all requests, and the storage of the registries inside, count in prometheus_metrics;
//                                  at http alone
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "registry/api/route.h"
#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::registry {

class Metrics;

struct FrontSettings {
  std::optional<std::string> prefix;  // "/reg", without the slash at the end
  std::shared_ptr<Metrics> metrics;   // null: nothing is counted

  void inherit(const FrontSettings& outer) {
    rules::inherit(prefix, outer.prefix);
    if (!metrics) metrics = outer.metrics;
  }
};

// The route of a path behind the prefix; Unknown when it does not begin so. "/" is alive whatever the prefix.
Route find_route_behind(std::string_view prefix, std::string_view path) noexcept;

// The accesses that a request needs, as registry:2 lists them for a client that has none (registry contract, section
// 7): JSON.
std::string wanted_accesses(const rules::RequestState& state, const Route& route);

void describe_front(rules::Language& language);

}  // namespace caisson::registry
