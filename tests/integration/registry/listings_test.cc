// The lists of the embedded registry: tags of a repository, repositories of the catalog.
#include <doctest/doctest.h>

#include <string>

#include "integration/registry/registry.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("tags are listed in order and in pages") {
  const Data data;
  Registry registry(data);
  const std::string image = image_of(registry.push_blob("a/b", "{}"), registry.push_blob("a/b", "layer"));
  for (const std::string tag : {"b", "A", "a", "10", "9"}) registry.put_manifest("a/b", tag, oci_image, image);
  const auto list = [&](const std::string& query) { return registry.get("/v2/a/b/tags/list" + query); };
  const Answer all = list("");
  check_api(all, 200);
  CHECK(all.header("Content-Type") == "application/json; charset=utf-8");
  CHECK(all.body == R"({"name":"a/b","tags":["10","9","A","a","b"]})"
                    "\n");
  CHECK_FALSE(all.has("Link"));
  const Answer page = list("?n=2");
  CHECK(page.body == R"({"name":"a/b","tags":["10","9"]})"
                     "\n");
  CHECK(page.header("Link") == "</v2/a/b/tags/list?last=9&n=2>; rel=\"next\"");
  const Answer rest = list("?n=9&last=9");
  CHECK(rest.body == R"({"name":"a/b","tags":["A","a","b"]})"
                     "\n");
  CHECK_FALSE(rest.has("Link"));
  CHECK(list("?last=aa").body == R"({"name":"a/b","tags":["b"]})"
                                 "\n");
  CHECK(list("?n=0").body == R"({"name":"a/b","tags":[]})"
                             "\n");
  CHECK(list("?n=18446744073709551615").status == 200);
  check_error(list("?n=-1"), 400,
              error("PAGINATION_NUMBER_INVALID", "invalid number of results requested", R"({"n":-1})"));
  CHECK(list("?n=x").status == 400);
  check_error(registry.get("/v2/unknown/tags/list"), 404,
              error("NAME_UNKNOWN", "repository name not known to registry", R"({"name":"unknown"})"));
}

TEST_CASE("the catalog lists repositories in order and in pages") {
  const Data data;
  Registry registry(data);
  CHECK(registry.get("/v2/_catalog").body == R"({"repositories":[]})"
                                             "\n");
  for (const std::string name : {"b", "a", "a-b", "a/c"}) registry.push_blob(name, "x");
  CHECK(registry.get("/v2/_catalog").body == R"({"repositories":["a","a/c","a-b","b"]})"
                                             "\n");
  const Answer page = registry.get("/v2/_catalog?n=2");
  CHECK(page.body == R"({"repositories":["a","a/c"]})"
                     "\n");
  CHECK(page.header("Link") == "</v2/_catalog?last=a%2Fc&n=2>; rel=\"next\"");
  CHECK(registry.get("/v2/_catalog?last=a%2Fc&n=2").body == R"({"repositories":["a-b","b"]})"
                                                            "\n");
  CHECK_FALSE(registry.get("/v2/_catalog?last=a%2Fc&n=2").has("Link"));
  CHECK(registry.get("/v2/_catalog?n=1001").status == 400);
}
