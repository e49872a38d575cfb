#include "registry/routes/prefix.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "unit/rules/loaded.h"

using namespace caisson;
using registry::find_route_behind;
using registry::Prefix;
using registry::Route;

namespace {

struct Loaded : rules_test::Loaded {
  explicit Loaded(const std::string& block) : rules_test::Loaded({&registry::describe_prefix}, block) {}
  std::string_view prefix() const { return http().get<Prefix>().str(); }
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
