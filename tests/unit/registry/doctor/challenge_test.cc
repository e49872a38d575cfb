#include "registry/doctor/challenge.h"

#include <doctest/doctest.h>

#include "registry/doctor/registry_client.h"
#include "registry/doctor/transfer.h"

using namespace caisson::registry::doctor;

TEST_CASE("a bearer challenge has its realm, service and scope") {
  const auto all = parse_challenges(
      R"(Bearer realm="https://auth.test/token",service="reg.test",scope="repository:a/b:pull,push",error="x\"y")");
  REQUIRE(all.size() == 1);
  CHECK(all[0].scheme == "bearer");
  CHECK(all[0].find("realm") == "https://auth.test/token");
  CHECK(all[0].find("scope") == "repository:a/b:pull,push");
  CHECK(all[0].find("error") == "x\"y");
  CHECK(all[0].find("nothing").empty());
}

TEST_CASE("several challenges in one header are told apart") {
  const auto all = parse_challenges(R"(Negotiate, Basic realm=plain, charset="UTF-8" ,Bearer Realm = "r")");
  REQUIRE(all.size() == 3);
  CHECK(all[0].scheme == "negotiate");
  CHECK(all[1].scheme == "basic");
  CHECK(all[1].find("charset") == "UTF-8");
  CHECK(all[2].find("realm") == "r");
}

TEST_CASE("what is no challenge is passed over") {
  CHECK(parse_challenges("").empty());
  CHECK(parse_challenges(" , ,").empty());
  CHECK(parse_challenges(R"(Basic realm="open)").empty());
  CHECK(parse_challenges("=").empty());
}

TEST_CASE("an origin is scheme, host and port, and nothing else is one") {
  CHECK(origin_of("http://Reg.Test/v2/").value() == "http://reg.test:80");
  CHECK(origin_of("https://reg.test:8443").value() == "https://reg.test:8443");
  CHECK_FALSE(origin_of("ftp://reg.test").ok());
  CHECK_FALSE(origin_of("reg test").ok());
}

TEST_CASE("a redirect may be relative, and lead elsewhere") {
  CHECK(resolve("http://a:1/v2/x", "/y?z").value() == "http://a:1/y?z");
  CHECK(origin_of(resolve("http://a:1/v2/x", "//b/y").value()).value() == "http://b:80");
}

TEST_CASE("the address of a registry is host and perhaps a prefix of names, without secrets") {
  for (const char* url : {"http://reg.test", "https://reg.test:5000/", "https://reg.test/mirror/of"}) {
    CHECK(RegistryClient::make({.url = url}).ok());
  }
  for (const char* url :
       {"reg.test", "file:///etc", "http://user:secret@reg.test", "http://reg.test/UPPER", "http://"}) {
    auto made = RegistryClient::make({.url = url});
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().what.find("secret") == std::string::npos);
  }
}
