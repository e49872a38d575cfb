#include "registry/api/front.h"

#include <doctest/doctest.h>

#include <string>

#include "registry/api/metrics.h"
#include "unit/rules/loaded.h"

using namespace caisson;
using registry::FrontSettings;
using registry::Route;

namespace {

struct Loaded : rules_test::Loaded {
  explicit Loaded(const std::string& block, observe::Metrics* metrics = nullptr)
      : rules_test::Loaded({&registry::describe_front}, block, {.services = {.metrics = metrics}}) {}
  const FrontSettings& front() const { return http().get<FrontSettings>(); }
};

}  // namespace

TEST_CASE("what is counted appears among the numbers of the process once there is something to tell") {
  observe::Metrics all;
  const Loaded loaded("registry_metrics;", &all);
  REQUIRE(loaded.front().metrics != nullptr);
  CHECK(all.write().find("registry_http_requests_total{") == std::string::npos);

  const auto handler = registry::Metrics::handler_of(Route::Kind::Manifest).value();
  loaded.front().metrics->begins(handler);
  loaded.front().metrics->ends({.handler = handler, .method = "GET", .status = 404});
  const std::string text = all.write();
  CHECK(text.find(R"(registry_http_requests_total{code="404",handler="manifest",method="get"} 1)") !=
        std::string::npos);
  CHECK(text.find(R"(registry_http_in_flight_requests{handler="manifest"} 0)") != std::string::npos);
}
