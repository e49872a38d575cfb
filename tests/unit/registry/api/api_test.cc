#include "registry/api/api.h"

#include <doctest/doctest.h>

#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

TEST_CASE("/v2/ says that this is a registry") {
  Registry registry;
  const Response response = registry.get("/v2/");
  CHECK(response.status == 200);
  CHECK(response.body == "{}");
  CHECK(response["Content-Type"] == "application/json; charset=utf-8");
  CHECK(response["Content-Length"] == "2");
  CHECK(response["Docker-Distribution-Api-Version"] == "registry/2.0");
  CHECK(response["X-Content-Type-Options"] == "nosniff");
  CHECK(registry.ask({"HEAD", "/v2/"}).body.empty());
  CHECK(registry.get("/v2")["Location"] == "/v2/");
  const Response root = registry.get("/");
  CHECK(root.status == 200);
  CHECK(root["Cache-Control"] == "no-cache");
  CHECK(root["Docker-Distribution-Api-Version"] == "(none)");
}

TEST_CASE("what is no route or no name is a 404 with the version header") {
  Registry registry;
  for (const char* path : {"/v2/UPPER/tags/list", "/v2/a", "/v2/a/../../etc/passwd/manifests/x", "/v2/_a/tags/list",
                           "/v2/manifests/latest", "/v2/a%2f_uploads/blobs/uploads/"}) {
    CAPTURE(path);
    const Response response = registry.get(path);
    CHECK(response.status == 404);
    CHECK(response["Docker-Distribution-Api-Version"] == "registry/2.0");
  }
  CHECK(registry.get("/v2/UPPER/tags/list").body ==
        "{\"errors\":[{\"code\":\"NAME_INVALID\",\"message\":\"invalid repository name\"}]}\n");
  CHECK(registry.push("a/b", "x") == store::sha256("x").str());
  CHECK(registry.get("/v2/a%2Fb/tags/list").status == 200);  // an encoded slash is a slash
}

TEST_CASE("a known route with another method is told which ones there are") {
  Registry registry;
  const Response response = registry.ask({"POST", "/v2/a/manifests/v1"});
  CHECK(response.status == 405);
  CHECK(response["Allow"] == "DELETE, GET, HEAD, PUT");
  CHECK(response.body.find("UNSUPPORTED") != std::string::npos);
  CHECK(registry.ask({"PUT", "/v2/_catalog"})["Allow"] == "GET, HEAD");
  CHECK(registry.ask({"PATCH", "/v2/a/blobs/uploads/"})["Allow"] == "POST");
  const Response options = registry.ask({"OPTIONS", "/v2/a/blobs/uploads/x"});
  CHECK(options.status == 200);
  CHECK(options["Allow"] == "DELETE, GET, HEAD, PATCH, PUT");
}

TEST_CASE("a read-only registry reads, and changes nothing") {
  Registry registry({.read_only = true});
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    for (const char* path : {"/v2/a/blobs/uploads/", "/v2/a/manifests/v1", "/v2/a/blobs/sha256:0"}) {
      const Response response = registry.ask({method, path});
      CHECK(response.status == 405);
      CHECK(response["Allow"] == "GET, HEAD");
    }
  }
  CHECK(registry.get("/v2/").status == 200);
  CHECK(std::filesystem::is_empty(registry.scratch.path()));
}

TEST_CASE("deletes are refused before anything is looked up, unless they are enabled") {
  Registry registry;
  const std::string digest = registry.push("a", "x");
  for (const std::string& path :
       {"/v2/a/blobs/" + digest, std::string("/v2/a/blobs/nonsense"), "/v2/a/manifests/" + digest,
        std::string("/v2/a/manifests/tag"), std::string("/v2/none/manifests/tag")}) {
    const Response response = registry.ask({"DELETE", path});
    CHECK(response.status == 405);
    CHECK(response.body == "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"The operation is unsupported.\"}]}\n");
  }
  CHECK(registry.get("/v2/a/blobs/" + digest).status == 200);
}

TEST_CASE("tags are listed in pages whose link leads to the next") {
  Registry registry;
  CHECK(registry.get("/v2/a/tags/list").body ==
        "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known to registry\","
        "\"detail\":{\"name\":\"a\"}}]}\n");
  registry.push("a", "x");
  CHECK(registry.get("/v2/a/tags/list").body == "{\"name\":\"a\",\"tags\":[]}\n");
  const std::string index = R"({"schemaVersion":2,"manifests":[]})";
  const http::Headers type{{"Content-Type", "application/vnd.oci.image.index.v1+json"}};
  for (const char* tag : {"v2", "V1", "v1"}) {
    REQUIRE(registry.ask({"PUT", "/v2/a/manifests/" + std::string(tag), type, index}).status == 201);
  }
  const Response all = registry.get("/v2/a/tags/list");
  CHECK(all.body == "{\"name\":\"a\",\"tags\":[\"V1\",\"v1\",\"v2\"]}\n");
  CHECK(all["Link"] == "(none)");
  const Response page = registry.get("/v2/a/tags/list?n=2");
  CHECK(page.body == "{\"name\":\"a\",\"tags\":[\"V1\",\"v1\"]}\n");
  CHECK(page["Link"] == "</v2/a/tags/list?last=v1&n=2>; rel=\"next\"");
  const Response rest = registry.get("/v2/a/tags/list?last=v1&n=2");
  CHECK(rest.body == "{\"name\":\"a\",\"tags\":[\"v2\"]}\n");
  CHECK(rest["Link"] == "(none)");
  CHECK(registry.get("/v2/a/tags/list?n=0").body == "{\"name\":\"a\",\"tags\":[]}\n");
  CHECK(registry.get("/v2/a/tags/list?n=1000000000").status == 200);
  for (const char* n : {"-1", "x", "", "99999999999999999999"}) {
    const Response refused = registry.get("/v2/a/tags/list?n=" + std::string(n));
    CHECK(refused.status == 400);
    CHECK(refused.body.find("PAGINATION_NUMBER_INVALID") != std::string::npos);
  }
}

TEST_CASE("the catalog is listed in pages whose link leads to the next") {
  Registry registry;
  CHECK(registry.get("/v2/_catalog").body == "{\"repositories\":[]}\n");
  for (const char* name : {"b", "a/b", "a"}) registry.push(name, "x");
  const Response page = registry.get("/v2/_catalog?n=2");
  CHECK(page.body == "{\"repositories\":[\"a\",\"a/b\"]}\n");
  CHECK(page["Link"] == "</v2/_catalog?last=a%2Fb&n=2>; rel=\"next\"");
  CHECK(registry.get("/v2/_catalog?last=a%2Fb&n=2").body == "{\"repositories\":[\"b\"]}\n");
  CHECK(registry.get("/v2/_catalog?n=3")["Link"] == "(none)");
  CHECK(registry.get("/v2/_catalog?n=0").body == "{\"repositories\":[]}\n");
  CHECK(registry.get("/v2/_catalog?n=-1").body == registry.get("/v2/_catalog").body);
  const Response refused = registry.get("/v2/_catalog?n=5000");
  CHECK(refused.status == 400);
  CHECK(refused.body.find("\"detail\":{\"n\":5000}") != std::string::npos);
}

TEST_CASE("a full pool is a 503 that says when to come back") {
  Registry registry({}, 0);  // no room in the queue at all
  const Response response = registry.get("/v2/_catalog");
  CHECK(response.status == 503);
  CHECK(response["Retry-After"] == "1");
  CHECK(response.body.find("UNAVAILABLE") != std::string::npos);
}

TEST_CASE("a fault of the storage names no path to the client") {
  Registry registry;
  registry.push("a", "x");
  // A link that leads to itself: ELOOP.
  const std::string link = "repositories/a/_layers/sha256/" + std::string(store::sha256("x").hex()) + "/link";
  std::filesystem::remove(registry.scratch.v2(link));
  std::filesystem::create_symlink("link", registry.scratch.v2(link));
  const Response response = registry.get("/v2/a/blobs/" + store::sha256("x").str());
  CHECK(response.status == 500);
  CHECK(response.body == "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"unknown error\"}]}\n");
}
