// What may be taken away from the embedded registry, and what is gone then.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "integration/registry/registry.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("deleting takes away links: of a tag, of a manifest with its tags, of a blob here and not elsewhere") {
  const Data data;
  Registry registry(data);
  const std::string config = registry.push_blob("a", "{}");
  const std::string layer = registry.push_blob("a", "layer");
  registry.push_blob("b", "layer");
  const std::string image = image_of(config, layer);
  const std::string digest = digest_of(image);
  for (const std::string tag : {"one", "two", "three"}) registry.put_manifest("a", tag, oci_image, image);
  check_api(registry.ask("DELETE", "/v2/a/manifests/one"), 202);
  CHECK(registry.ask("DELETE", "/v2/a/manifests/one").status == 404);
  CHECK(registry.get("/v2/a/manifests/" + digest).status == 200);
  CHECK(registry.get("/v2/a/tags/list").body == R"({"name":"a","tags":["three","two"]})"
                                                "\n");
  check_api(registry.ask("DELETE", "/v2/a/manifests/" + digest), 202);
  CHECK(registry.get("/v2/a/manifests/two").status == 404);
  CHECK(registry.get("/v2/a/tags/list").body == R"({"name":"a","tags":[]})"
                                                "\n");
  CHECK(registry.ask("DELETE", "/v2/a/manifests/" + digest).status == 404);
  const Answer gone = registry.ask("DELETE", "/v2/a/blobs/" + layer);
  check_api(gone, 202);
  CHECK(gone.header("Content-Length") == "0");
  CHECK(registry.get("/v2/a/blobs/" + layer).status == 404);
  CHECK(registry.get("/v2/b/blobs/" + layer).body == "layer");
  check_error(registry.ask("DELETE", "/v2/a/blobs/" + layer), 404,
              error("BLOB_UNKNOWN", "blob unknown to registry", '"' + layer + '"'));
}

TEST_CASE("where deleting is off nothing is deleted, whether it is there or not; an upload may be cancelled") {
  const Data data;
  Registry registry(data, "");
  const std::string layer = registry.push_blob("a", "layer");
  const std::string image = image_of(layer, layer);
  registry.put_manifest("a", "v1", oci_image, image);
  const std::string unsupported = error("UNSUPPORTED", "The operation is unsupported.");
  for (const std::string path : {"/v2/a/manifests/v1", "/v2/a/manifests/v2", "/v2/a/blobs/x"}) {
    CAPTURE(path);
    check_error(registry.ask("DELETE", path), 405, unsupported);
  }
  check_error(registry.ask("DELETE", "/v2/a/manifests/" + digest_of(image)), 405, unsupported);
  check_error(registry.ask("DELETE", "/v2/a/blobs/" + layer), 405, unsupported);
  CHECK(registry.get("/v2/a/manifests/v1").status == 200);
  CHECK(registry.ask("DELETE", registry.begin("a")).status == 204);
}

TEST_CASE("a registry that may only be read") {
  const Data data;
  std::string layer;
  {
    Registry registry(data);
    layer = registry.push_blob("a", "layer");
  }
  Registry registry(data, "registry_delete on; registry_read_only on;");
  CHECK(registry.get("/v2/a/blobs/" + layer).body == "layer");
  for (const auto& [method, path] : {std::pair<std::string, std::string>{"POST", "/v2/a/blobs/uploads/"},
                                     {"PUT", "/v2/a/manifests/x"},
                                     {"DELETE", "/v2/a/blobs/" + layer},
                                     {"PATCH", "/v2/a/blobs/uploads/x"}}) {
    CAPTURE(path);
    const Answer answer = registry.ask(method, path);
    check_error(answer, 405, error("UNSUPPORTED", "The operation is unsupported."));
    CHECK(answer.header("Allow") == "GET, HEAD");
  }
}
