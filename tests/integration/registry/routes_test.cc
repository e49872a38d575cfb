// The routes of the embedded registry: what there is, and what is none.
#include <doctest/doctest.h>

#include <string>

#include "integration/registry/registry.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("/v2/ says what this is") {
  const Data data;
  Registry registry(data);
  const Answer answer = registry.get("/v2/");
  check_api(answer, 200);
  CHECK(answer.body == "{}");
  CHECK(answer.header("Content-Type") == "application/json; charset=utf-8");
  CHECK(answer.header("Content-Length") == "2");
  const Answer head = registry.ask("HEAD", "/v2/");
  check_api(head, 200);
  CHECK(head.header("Content-Length") == "2");
  CHECK(registry.get("/v2").status == 301);
  const Answer alive = registry.get("/");
  CHECK(alive.status == 200);
  CHECK(alive.body == "");
  CHECK_FALSE(alive.has("Docker-Distribution-Api-Version"));
}

TEST_CASE("what is no route, no name or no method of a route is told in JSON") {
  const Data data;
  Registry registry(data);
  const std::string invalid = error("NAME_INVALID", "invalid repository name");
  for (const std::string path :
       {"/v2/x", "/v2/x/y/z", "/v2/Upper/tags/list", "/v2/-a/tags/list", "/v2/_x/manifests/y", "/v1/"}) {
    CAPTURE(path);
    check_error(registry.get(path), 404, invalid);
  }
  check_error(registry.get("/v2/" + std::string(256, 'a') + "/tags/list"), 404, invalid);
  struct Wrong {
    std::string method;
    std::string path;
    std::string allowed;
  };
  for (const Wrong& row :
       {Wrong{"POST", "/v2/", "GET, HEAD"}, Wrong{"POST", "/v2/_catalog", "GET, HEAD"},
        Wrong{"DELETE", "/v2/a/tags/list", "GET, HEAD"}, Wrong{"POST", "/v2/a/manifests/x", "DELETE, GET, HEAD, PUT"},
        Wrong{"PUT", "/v2/a/blobs/" + absent, "DELETE, GET, HEAD"}, Wrong{"PUT", "/v2/a/blobs/uploads/", "POST"},
        Wrong{"POST", "/v2/a/blobs/uploads/x", "DELETE, GET, HEAD, PATCH, PUT"}}) {
    CAPTURE(row.path);
    const Answer answer = registry.ask(row.method, row.path);
    check_error(answer, 405, error("UNSUPPORTED", "The operation is unsupported."));
    CHECK(answer.header("Allow") == row.allowed);
    CHECK(registry.ask("OPTIONS", row.path).header("Allow") == row.allowed);
  }
  for (const std::string& path :
       {std::string("/v2/a/blobs/sha256:x"), std::string("/v2/a/blobs/x"), "/v2/a/blobs/sha256:" + std::string(64, 'A'),
        "/v2/a/blobs/md5:" + std::string(32, 'a')}) {
    CAPTURE(path);
    check_error(
        registry.get(path), 400,
        error("DIGEST_INVALID", "provided digest did not match uploaded content", R"("digest parsing failed")"));
  }
}
