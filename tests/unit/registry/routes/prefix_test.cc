#include "registry/routes/prefix.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "config/parser.h"
#include "config/source.h"
#include "rules/loader.h"

using namespace caisson;
using registry::find_route_behind;
using registry::Prefix;
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
  explicit Loaded(const std::string& block) : source({{"/etc/test.conf", "http {\n" + block + "\n}\n"}}) {
    registry::describe_prefix(language);
    language.add_directives(kHttp);
    rules::Loader loader(language, source, {"/", "/etc/", "stderr"}, {});
    auto loaded = loader.load(config::parse(source, "/etc/test.conf"));
    for (const Error& error : loaded.errors) errors += error.what + '\n';
    settings = std::move(loaded.settings);
  }
  std::string_view prefix() const {
    REQUIRE_MESSAGE(settings != nullptr, errors);
    return settings->root.inner().at(0)->get<Prefix>().str();
  }

  config::MemorySource source;
  rules::Language language;
  std::string errors;
  std::unique_ptr<rules::Settings> settings;
};

}  // namespace

TEST_CASE("a registry's paths begin behind its prefix, and nowhere else") {
  CHECK(find_route_behind("", "/v2/").kind == Route::Kind::Version);
  CHECK(find_route_behind("/reg", "/reg/v2/").kind == Route::Kind::Version);
  CHECK(find_route_behind("/reg", "/reg/v2").kind == Route::Kind::VersionBare);
  const Route tags = find_route_behind("/reg", "/reg/v2/a/b/tags/list");
  CHECK(tags.kind == Route::Kind::Tags);
  CHECK(tags.name == "a/b");
  for (const char* path : {"/v2/", "/reg", "/reg/", "/regular/v2/", "/other/reg/v2/", ""}) {
    CAPTURE(path);
    CHECK(find_route_behind("/reg", path).kind == Route::Kind::Unknown);
  }
  CHECK(find_route_behind("/reg", "/").kind == Route::Kind::Root);  // who asks whether it is alive knows no prefix
}

TEST_CASE("a prefix is written with or without the slash at its end, and \"/\" is none") {
  CHECK(Loaded("registry_prefix /reg/;").prefix() == "/reg");
  CHECK(Loaded("registry_prefix /a/b;").prefix() == "/a/b");
  CHECK(Loaded("registry_prefix /;").prefix() == "");
  CHECK(Loaded("registry_prefix reg;").errors.find("begins with \"/\"") != std::string::npos);
  CHECK(Loaded("registry_prefix /a; registry_prefix /b;").errors.find("is duplicate") != std::string::npos);
}
