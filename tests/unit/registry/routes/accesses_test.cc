#include "registry/routes/accesses.h"

#include <doctest/doctest.h>

using namespace caisson::registry;

namespace {

std::string needed(std::string_view method, std::string_view path, std::string_view args = {}) {
  std::string list;
  for (const Access& access : required_accesses(method, find_route(path), args)) {
    list += (list.empty() ? "" : " ") + access.type + ':' + access.name + ':' + access.action;
  }
  return list;
}

}  // namespace

TEST_CASE("every method on every route needs what registry:2 asks for") {
  for (const std::string_view path : {"/v2/a/b/manifests/v1", "/v2/a/b/blobs/sha256:0", "/v2/a/b/blobs/uploads/",
                                      "/v2/a/b/blobs/uploads/1", "/v2/a/b/tags/list", "/v2/a/b/referrers/sha256:0"}) {
    CAPTURE(path);
    CHECK(needed("GET", path) == "repository:a/b:pull");
    CHECK(needed("HEAD", path) == "repository:a/b:pull");
    CHECK(needed("POST", path) == "repository:a/b:pull repository:a/b:push");
    CHECK(needed("PUT", path) == "repository:a/b:pull repository:a/b:push");
    CHECK(needed("PATCH", path) == "repository:a/b:pull repository:a/b:push");
    CHECK(needed("DELETE", path) == "repository:a/b:delete");
    CHECK(needed("OPTIONS", path).empty());
  }
  CHECK(needed("GET", "/v2/_catalog") == "registry:catalog:*");
  CHECK(needed("GET", "/v2/").empty());
}

TEST_CASE("a method that no registry knows needs every right") {
  CHECK(needed("MOVE", "/v2/a/manifests/v1") == "repository:a:*");
}

TEST_CASE("a mount needs to pull from its source, however the source is written") {
  const std::string both = "repository:a:pull repository:a:push repository:b/c:pull";
  CHECK(needed("POST", "/v2/a/blobs/uploads/", "mount=sha256:0&from=b/c") == both);
  CHECK(needed("POST", "/v2/a/blobs/uploads/", "from=b%2fc") == both);
  CHECK(needed("POST", "/v2/a/blobs/uploads/", "fr%6fm=b/c") == both);
  CHECK(needed("POST", "/v2/a/blobs/uploads/", "mount=x;from=b/c") == both);
  CHECK(needed("POST", "/v2/a/blobs/uploads/", "from=%zz&from=b/c") == both);
  CHECK(needed("POST", "/v2/a/blobs/uploads/", "from=") == "repository:a:pull repository:a:push");
}

TEST_CASE("the detail of a 401 is registry:2's") {
  CHECK(accesses_json({}) == "null");
  CHECK(accesses_json({{"repository", "a\"b", "pull"}, {"registry", "catalog", "*"}}) ==
        R"([{"Type":"repository","Class":"","Name":"a\"b","Action":"pull"},)"
        R"({"Type":"registry","Class":"","Name":"catalog","Action":"*"}])");
}
