// Manifests of the embedded registry: which are taken, and how they are served.
#include <doctest/doctest.h>

#include <string>

#include "integration/registry/registry.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("a manifest is served as it was pushed, by tag and by digest") {
  const Data data;
  Registry registry(data);
  const std::string config = registry.push_blob("a", "{}");
  const std::string layer = registry.push_blob("a", "layer");
  for (const std::string_view type : {oci_image, docker_image}) {
    const std::string bytes = image_of(config, layer, type);
    const std::string digest = digest_of(bytes);
    const std::string by_digest = "/v2/a/manifests/" + digest;
    check_created(registry.put_manifest("a", "v1", type, bytes), by_digest, digest);
    check_created(registry.put_manifest("a", "v1", type, bytes), by_digest, digest);
    for (const std::string& path : {std::string("/v2/a/manifests/v1"), by_digest}) {
      for (const std::string method : {"GET", "HEAD"}) {
        const Answer answer = registry.ask(method, path);
        check_api(answer, 200);
        CHECK(answer.header("Content-Type") == type);
        CHECK(answer.header("Content-Length") == std::to_string(bytes.size()));
        CHECK(answer.header("Docker-Content-Digest") == digest);
        CHECK(answer.header("ETag") == '"' + digest + '"');
        CHECK(answer.body == (method == "GET" ? bytes : ""));
      }
      CHECK(registry.get(path, "If-None-Match: \"" + digest + "\"\r\n").status == 304);
    }
  }
  check_error(registry.get("/v2/a/manifests/v2"), 404,
              error("MANIFEST_UNKNOWN", "manifest unknown", R"({"Tag":"v2"})"));
  check_error(registry.get("/v2/a/manifests/" + absent), 404,
              error("MANIFEST_UNKNOWN", "manifest unknown", R"({"Name":"a","Revision":")" + absent + "\"}"));
  CHECK(registry.get("/v2/b/manifests/v1").status == 404);
  CHECK(registry.ask("HEAD", "/v2/b/manifests/v1").status == 404);
  // A manifest's bytes are a blob of the store, but no blob of the repository.
  CHECK(registry.get("/v2/a/blobs/" + digest_of(image_of(config, layer))).status == 404);
}

TEST_CASE("an index of images, and a list for clients that know none") {
  const Data data;
  Registry registry(data);
  const std::string image = image_of(registry.push_blob("a", "{}"), registry.push_blob("a", "layer"), docker_image);
  const std::string child = digest_of(image);
  check_error(registry.put_manifest("a", "multi", oci_index, index_of(child)), 400,
              error("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", '"' + child + '"'));
  REQUIRE(registry.put_manifest("a", child, docker_image, image).status == 201);
  CHECK(registry.put_manifest("a", "multi", oci_index, index_of(child)).status == 201);
  CHECK(registry.get("/v2/a/manifests/multi").header("Content-Type") == oci_index);

  const std::string list = index_of(child, docker_list);
  CHECK(registry.put_manifest("a", "list", docker_list, list).status == 201);
  CHECK(registry.get("/v2/a/manifests/list").body == list);
  const Answer old = registry.get("/v2/a/manifests/list", "Accept: " + std::string(docker_image) + "\r\n");
  CHECK(old.body == image);
  CHECK(old.header("Docker-Content-Digest") == child);
}

TEST_CASE("a manifest that is none, or refers to what is not there, is refused and not stored") {
  const Data data;
  Registry registry(data);
  const std::string config = registry.push_blob("a", "{}");
  const std::string layer = registry.push_blob("a", "layer");
  const std::string elsewhere = registry.push_blob("b", "other");
  const auto code_of = [&](const std::string& reference, std::string_view type, const std::string& bytes) {
    const Answer answer = registry.put_manifest("a", reference, type, bytes);
    const std::size_t at = answer.body.find("\"code\":\"") + 8;
    return std::to_string(answer.status) + ' ' + answer.body.substr(at, answer.body.find('"', at) - at);
  };
  const std::string good = image_of(config, layer);
  const std::string invalid = "400 MANIFEST_INVALID";
  CHECK(code_of("t", oci_image, "{") == invalid);
  CHECK(code_of("t", oci_image, "[]") == invalid);
  CHECK(code_of("t", oci_image, R"({"schemaVersion":1})") == invalid);
  CHECK(code_of("t", oci_image, R"({"schemaVersion":2})") == invalid);
  CHECK(code_of("t", docker_image, good) == invalid);  // says that it is another
  CHECK(code_of("t", "text/plain", good) == invalid);
  CHECK(code_of("t", "application/vnd.docker.distribution.manifest.v1+json", good) == invalid);
  CHECK(code_of("t", oci_image, good.substr(0, good.size() - 1) + R"(,"manifests":[]})") == invalid);
  CHECK(code_of("t", oci_image, std::string(1000, '[')) == invalid);
  CHECK(code_of(absent, oci_image, good) == "400 DIGEST_INVALID");
  CHECK(code_of("sha256:x", oci_image, good) == "400 DIGEST_INVALID");
  CHECK(code_of("t", oci_image, image_of(config, elsewhere)) == "400 MANIFEST_BLOB_UNKNOWN");
  check_error(registry.put_manifest("a", "t", oci_image, image_of(absent, elsewhere)), 400,
              R"({"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":")" + absent +
                  R"("},{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":")" + elsewhere +
                  "\"}]}\n");
  const std::string padding(4UL * 1024 * 1024 - good.size(), ' ');
  CHECK(registry.put_manifest("a", "large", oci_image, good + padding).status == 201);
  CHECK(code_of("t", oci_image, good + padding + ' ') == "413 MANIFEST_INVALID");
  CHECK(registry.get("/v2/a/manifests/t").status == 404);
  CHECK(registry.get("/v2/a/tags/list").body == R"({"name":"a","tags":["large"]})"
                                                "\n");
}
