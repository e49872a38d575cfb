#include <doctest/doctest.h>

#include "registry/manifest/manifest.h"
#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

namespace {

const std::string kImageType(media::kDockerImage);
const std::string kListType(media::kDockerList);

http::Headers type(const std::string& media_type) { return {{"Content-Type", media_type}}; }

std::string image_of(const std::string& config, const std::string& layer) {
  return R"({"schemaVersion":2,"mediaType":")" + kImageType + R"(","config":{"digest":")" + config +
         R"("},"layers":[{"digest":")" + layer + R"("}]})";
}
std::string list_of(const std::string& amd64) {
  return R"({"schemaVersion":2,"mediaType":")" + kListType + R"(","manifests":[{"digest":")" + amd64 +
         R"(","platform":{"os":"linux","architecture":"amd64"}}]})";
}

struct Fixture {
  Registry registry{{.delete_enabled = true}};
  std::string config = registry.push("a", "config");
  std::string layer = registry.push("a", "layer");
  std::string image = image_of(config, layer);
  std::string digest = store::sha256(image).str();

  Response put(const std::string& reference, const std::string& bytes, const std::string& media_type) {
    return registry.ask({"PUT", "/v2/a/manifests/" + reference, type(media_type), bytes});
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a manifest is pushed by tag and read by tag and digest, byte for byte") {
  const Response stored = put("v1", image, kImageType);
  CHECK(stored.status == 201);
  CHECK(stored["Location"] == "https://registry.example:5043/v2/a/manifests/" + digest);
  CHECK(stored["Docker-Content-Digest"] == digest);
  CHECK(stored["Content-Length"] == "0");
  for (const std::string& reference : {std::string("v1"), digest}) {
    const Response read = registry.get("/v2/a/manifests/" + reference);
    CHECK(read.status == 200);
    CHECK(read.body == image);
    CHECK(read["Content-Type"] == kImageType);
    CHECK(read["Content-Length"] == std::to_string(image.size()));
    CHECK(read["Docker-Content-Digest"] == digest);
    CHECK(read["ETag"] == '"' + digest + '"');
    const Response head = registry.ask({"HEAD", "/v2/a/manifests/" + reference});
    CHECK(head["Content-Length"] == std::to_string(image.size()));
    CHECK(head.body.empty());
    CHECK(registry.get("/v2/a/manifests/" + reference, {{"If-None-Match", '"' + digest + '"'}}).status == 304);
  }
}

TEST_CASE_FIXTURE(Fixture, "a manifest is pushed by digest, which must be its own") {
  CHECK(put(digest, image, kImageType).status == 201);
  CHECK(put(layer, image, kImageType).says(400, "DIGEST_INVALID"));
  CHECK(put("sha256:nonsense", image, kImageType).says(400, "DIGEST_INVALID"));
  const std::string sha512 = store::digest_of(store::Algorithm::Sha512, text::bytes_of(image)).str();
  CHECK(put(sha512, image, kImageType)["Docker-Content-Digest"] == sha512);
  CHECK(registry.get("/v2/a/manifests/" + sha512).body == image);
}

TEST_CASE_FIXTURE(Fixture, "a manifest pushed by digest takes the tags beside it along, all or none") {
  std::string query = digest + "?tag=first";
  for (int i = 0; i < 10; ++i) query += "&tag=v" + std::to_string(i);
  const Response stored = put(query + "&tag=first", image, kImageType);
  CHECK(stored.status == 201);
  CHECK(stored["OCI-Tag"] == "first, v0, v1, v2, v3, v4, v5, v6, v7, v8, v9");
  CHECK(registry.get("/v2/a/manifests/v9").body == image);

  const std::string other = image_of(layer, config);
  const std::string other_digest = store::sha256(other).str();
  CHECK(put(other_digest + "?tag=good&tag=-bad", other, kImageType).says(400, "TAG_INVALID"));
  CHECK(registry.get("/v2/a/manifests/good").status == 404);
  CHECK(registry.get("/v2/a/manifests/" + other_digest).status == 404);
  std::string too_many = other_digest + "?tag=x";
  for (int i = 0; i < 100; ++i) too_many += "&tag=v" + std::to_string(i);
  CHECK(put(too_many, other, kImageType).status == 414);
  CHECK(put("v1?tag=v2", image, kImageType)["OCI-Tag"] == "(none)");
}

TEST_CASE_FIXTURE(Fixture, "every missing reference is named, and nothing is stored") {
  const std::string absent1 = store::sha256("1").str();
  const std::string absent2 = store::sha256("2").str();
  const std::string dangling = image_of(absent1, absent2);
  const Response refused = put("v1", dangling, kImageType);
  CHECK(refused.status == 400);
  const auto entry = [](const std::string& missing) {
    return R"({"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry","detail":")" + missing + "\"}";
  };
  CHECK(refused.body == R"({"errors":[)" + entry(absent1) + ',' + entry(absent2) + "]}\n");
  CHECK(registry.get("/v2/a/manifests/v1").status == 404);
  CHECK(registry.get("/v2/a/manifests/" + store::sha256(dangling).str()).status == 404);
  CHECK(put("v1", list_of(absent1), kListType).says(400, "MANIFEST_BLOB_UNKNOWN"));
  CHECK(put("v1", list_of(layer), kListType).says(400, "MANIFEST_BLOB_UNKNOWN"));  // a blob is no manifest
}

TEST_CASE_FIXTURE(Fixture, "what is no manifest is refused with its reason") {
  const Response refused = put("v1", "{", kImageType);
  CHECK(refused.says(400, "MANIFEST_INVALID"));
  CHECK(refused.body.find("not JSON") != std::string::npos);
  CHECK(put("-bad", image, kImageType).says(400, "TAG_INVALID"));
}

TEST_CASE_FIXTURE(Fixture, "a manifest of 4 MiB is taken, a larger one is not, declared or not") {
  const std::string start = R"({"schemaVersion":2,"manifests":[],"annotations":{"x":")";
  const std::string end = "\"}}";
  const std::string largest = start + std::string(store::kLargestManifest - start.size() - end.size(), 'x') + end;
  const std::string index(media::kOciIndex);
  CHECK(put("big", largest, index).status == 201);
  CHECK(registry.get("/v2/a/manifests/big").body == largest);
  CHECK(put("bigger", largest + ' ', index).says(413, "MANIFEST_INVALID"));
  CHECK(registry.ask({"PUT", "/v2/a/manifests/bigger", type(index), largest + ' ', true}).status == 413);
}

TEST_CASE_FIXTURE(Fixture, "unknown manifests are told apart by how they were asked for") {
  CHECK(
      registry.get("/v2/a/manifests/v1").body ==
      "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\",\"detail\":{\"Tag\":\"v1\"}}]}\n");
  CHECK(registry.get("/v2/a/manifests/" + digest).body ==
        "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\",\"detail\":{\"Name\":\"a\","
        "\"Revision\":\"" +
            digest + "\"}}]}\n");
  CHECK(registry.get("/v2/a/manifests/-bad").says(404, "MANIFEST_UNKNOWN"));
  CHECK(registry.get("/v2/a/manifests/sha256:bad").says(400, "DIGEST_INVALID"));
}

TEST_CASE_FIXTURE(Fixture, "an old client gets the linux/amd64 image of a Docker list, and only such a client") {
  REQUIRE(put(digest, image, kImageType).status == 201);
  const std::string list = list_of(digest);
  REQUIRE(put("multi", list, kListType).status == 201);
  const auto served = [&](const std::string& accept) {
    return registry.get("/v2/a/manifests/multi", {{"Accept", accept}});
  };
  const Response old = served(kImageType);
  CHECK(old.body == image);
  CHECK(old["Docker-Content-Digest"] == digest);
  CHECK(old["Content-Type"] == kImageType);
  CHECK(old["Vary"] == "Accept");
  CHECK(served(kImageType + ", " + kListType).body == list);
  CHECK(served(kImageType + ", */*;q=0.1").body == list);
  CHECK(served("text/html").body == list);
  CHECK(registry.get("/v2/a/manifests/multi").body == list);
  CHECK(registry.get("/v2/a/manifests/" + store::sha256(list).str(), {{"Accept", kImageType}}).body == list);
  CHECK(registry.get("/v2/a/manifests/multi", {{"Accept", kImageType}, {"If-None-Match", digest}}).status == 304);
}

TEST_CASE_FIXTURE(Fixture, "an image is served whatever Accept says") {
  REQUIRE(put("v1", image, kImageType).status == 201);
  const Response read = registry.get("/v2/a/manifests/v1", {{"Accept", "application/vnd.oci.image.manifest.v1+json"}});
  CHECK(read.status == 200);
  CHECK(read["Vary"] == "(none)");
}

TEST_CASE_FIXTURE(Fixture, "a manifest is deleted with its tags, a tag alone") {
  put("v1", image, kImageType);
  put("v2", image, kImageType);
  CHECK(registry.ask({"DELETE", "/v2/a/manifests/v1"}).status == 202);
  CHECK(registry.ask({"DELETE", "/v2/a/manifests/v1"}).says(404, "MANIFEST_UNKNOWN"));
  CHECK(registry.get("/v2/a/manifests/" + digest).status == 200);
  CHECK(registry.get("/v2/a/manifests/v2").status == 200);
  CHECK(registry.ask({"DELETE", "/v2/a/manifests/" + digest}).status == 202);
  CHECK(registry.get("/v2/a/manifests/v2").status == 404);
  CHECK(registry.get("/v2/a/tags/list").body == "{\"name\":\"a\",\"tags\":[]}\n");
  CHECK(registry.ask({"DELETE", "/v2/a/manifests/" + digest}).status == 404);
}
