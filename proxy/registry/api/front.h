// How the requests to a registry are measured.
//
//     registry_metrics;            all requests, and the storage of the registries inside, count in prometheus_metrics;
//                                  at http alone
#pragma once

#include <memory>

#include "rules/language.h"

namespace caisson::registry {

class Metrics;

struct FrontSettings {
  std::shared_ptr<Metrics> metrics;  // null: nothing is counted

  void inherit(const FrontSettings& outer) {
    if (!metrics) metrics = outer.metrics;
  }
};

void describe_front(rules::Language& language);

}  // namespace caisson::registry
