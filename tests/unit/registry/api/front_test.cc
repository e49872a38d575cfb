#include "registry/api/front.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "config/parser.h"
#include "config/source.h"
#include "registry/api/metrics.h"
#include "rules/loader.h"

using namespace caisson;
using registry::FrontSettings;
using registry::Route;

namespace {

// The block that the gateway brings in earnest.
Result<void> read_http(rules::Loader& loader, const config::Directive& directive) {
  loader.read_block(directive, rules::Http);
  return {};
}
constexpr std::array kHttp{
    rules::DirectiveSpec{"http", rules::Main, 0, 0, rules::DirectiveSpec::Body::Required, read_http}};

struct Loaded {
  explicit Loaded(const std::string& block, observe::Metrics* metrics = nullptr)
      : source({{"/etc/test.conf", "http {\n" + block + "\n}\n"}}) {
    registry::describe_front(language);
    language.add_directives(kHttp);
    rules::Services services;
    services.metrics = metrics;
    rules::Loader loader(language, source, {"/", "/etc/", "stderr"}, services);
    auto loaded = loader.load(config::parse(source, "/etc/test.conf"));
    for (const Error& error : loaded.errors) errors += error.what + '\n';
    settings = std::move(loaded.settings);
  }
  const FrontSettings& front() const {
    REQUIRE_MESSAGE(settings != nullptr, errors);
    return settings->root.inner().at(0)->get<FrontSettings>();
  }

  config::MemorySource source;
  rules::Language language;
  std::string errors;
  std::unique_ptr<rules::Settings> settings;
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
