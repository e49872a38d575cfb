#include "registry/manifest/manifest.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson::registry;

namespace {

std::string digest(char c) { return "sha256:" + std::string(64, c); }
std::string descriptor(char c, const std::string& more = "") { return R"({"digest":")" + digest(c) + '"' + more + '}'; }

std::string image(const std::string& type, const std::string& layers) {
  const std::string media = type.empty() ? "" : R"("mediaType":")" + type + R"(",)";
  return R"({"schemaVersion":2,)" + media + R"("config":)" + descriptor('c') + R"(,"layers":[)" + layers + "]}";
}

std::string problem(const std::string& bytes, std::string_view type) {
  const auto parsed = parse_pushed_manifest(bytes, type);
  const auto* invalid = std::get_if<InvalidManifest>(&parsed);
  return invalid == nullptr ? "" : std::string(invalid->problem);
}

std::vector<std::string> texts(const std::vector<store::Digest>& digests) {
  std::vector<std::string> all;
  for (const auto& one : digests) all.push_back(one.str());
  return all;
}

const std::string kImage(media::kDockerImage);
const std::string kIndex(media::kOciIndex);

}  // namespace

TEST_CASE("an image refers to its config and layers") {
  const auto parsed = parse_pushed_manifest(image(kImage, descriptor('1') + ',' + descriptor('2')), kImage);
  const auto& manifest = std::get<PushedManifest>(parsed);
  CHECK(manifest.media_type == kImage);
  CHECK(texts(manifest.references.blobs) == std::vector{digest('c'), digest('1'), digest('2')});
  CHECK(manifest.references.manifests.empty());
}

TEST_CASE("layers that lie elsewhere need not be here") {
  const std::string layers =
      descriptor('1', R"(,"urls":["https://elsewhere/layer"])") + ',' +
      descriptor('2', R"(,"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar")") + ',' +
      descriptor('3', R"(,"urls":[])");
  const auto parsed = parse_pushed_manifest(image(kImage, layers), kImage);
  CHECK(texts(std::get<PushedManifest>(parsed).references.blobs) == std::vector{digest('c'), digest('3')});
  CHECK(problem(image(kImage, descriptor('1', R"(,"urls":["file:///etc/passwd"])")), kImage) ==
        "a layer has an invalid URL");
}

TEST_CASE("an index refers to its manifests") {
  const std::string bytes = R"({"schemaVersion":2,"manifests":[)" + descriptor('1') + ',' + descriptor('2') + "]}";
  const auto parsed = parse_pushed_manifest(bytes, kIndex);
  CHECK(texts(std::get<PushedManifest>(parsed).references.manifests) == std::vector{digest('1'), digest('2')});
  CHECK(problem(R"({"schemaVersion":2,"manifests":[]})", kIndex).empty());
}

TEST_CASE("the Content-Type may have parameters, and may be missing when the body says it") {
  CHECK(problem(image(kImage, ""), kImage + "; charset=utf-8").empty());
  CHECK(problem(image(kImage, ""), "").empty());
  CHECK(problem(image(kImage, ""), "application/json").empty());
  CHECK(problem(image("", ""), std::string(media::kOciImage)).empty());
}

TEST_CASE("what is no manifest is refused with its reason") {
  CHECK(problem("", kImage) == "not JSON, or too deeply nested");
  CHECK(problem("{", kImage) == "not JSON, or too deeply nested");
  CHECK(problem("[]", kImage) == "not a JSON object");
  CHECK(problem(R"({"schemaVersion":1})", kImage) == "schemaVersion must be 2");
  CHECK(problem(R"({"schemaVersion":"2"})", kImage) == "schemaVersion must be 2");
  CHECK(problem(image("", ""), "") == "neither Content-Type nor mediaType tells what it is");
  CHECK(problem(image("", ""), "text/plain") == "unsupported media type");
  CHECK(problem(image("", ""), "application/vnd.docker.distribution.manifest.v1+json") == "unsupported media type");
  CHECK(problem(image("", ""), kImage) == "mediaType is missing");
  CHECK(problem(image(kImage, ""), std::string(media::kOciImage)) == "mediaType is not what the Content-Type says");
  CHECK(problem(R"({"schemaVersion":2})", kIndex) == "an index needs a list of manifests");
  CHECK(problem(R"({"schemaVersion":2})", std::string(media::kOciImage)) ==
        "the image has no config with a valid digest");
  CHECK(problem(image(kImage, R"({"digest":"x"})"), kImage) == "a layer has no valid digest");
  CHECK(problem(image(kImage, "1"), kImage) == "a layer has no valid digest");
}

TEST_CASE("a document that could be read as two types is refused: CVE-2021-41190") {
  const std::string both = R"({"schemaVersion":2,"config":)" + descriptor('c') + R"(,"layers":[],"manifests":[]})";
  CHECK(problem(both, std::string(media::kOciImage)) == "an image has no list of manifests");
  CHECK(problem(both, kIndex) == "an index has neither config nor layers");
}

TEST_CASE("deep nesting and floods of values are refused before they are built") {
  const std::string deep = R"({"schemaVersion":2,"x":)" + std::string(1000, '[') + std::string(1000, ']') + '}';
  CHECK(problem(deep, kIndex) == "not JSON, or too deeply nested");
  std::string flood = R"({"schemaVersion":2,"manifests":[],"x":[0)";
  for (int i = 0; i < 300'000; ++i) flood += ",0";
  CHECK(problem(flood + "]}", kIndex) == "not JSON, or too deeply nested");
  const std::string brackets_in_text =
      R"({"schemaVersion":2,"manifests":[],"annotations":{"a":")" + std::string(1000, '[') + R"(\"["}})";
  CHECK(problem(brackets_in_text, kIndex).empty());
}

TEST_CASE("the type of a stored manifest is read from its bytes") {
  CHECK(inspect_stored_manifest(R"({"mediaType":"a/b"})").media_type == "a/b");
  CHECK(inspect_stored_manifest(R"({"schemaVersion":2,"manifests":[]})").media_type == media::kOciIndex);
  CHECK(inspect_stored_manifest(R"({"schemaVersion":2})").media_type == media::kOciImage);
  CHECK(inspect_stored_manifest(R"({"schemaVersion":1,"fsLayers":[]})").media_type == media::kDockerSchema1);
  CHECK(inspect_stored_manifest("not JSON").media_type == "application/octet-stream");
  CHECK(inspect_stored_manifest("{\"mediaType\":\"a\\r\\nX: y\"}").media_type == media::kOciImage);
}

TEST_CASE("a Docker list knows its image for linux/amd64") {
  const std::string list = R"({"mediaType":")" + std::string(media::kDockerList) + R"(","manifests":[)" +
                           descriptor('1', R"(,"platform":{"os":"linux","architecture":"arm64"})") + ',' +
                           descriptor('2', R"(,"platform":{"os":"linux","architecture":"amd64"})") + "]}";
  CHECK(inspect_stored_manifest(list).linux_amd64->str() == digest('2'));
}

TEST_CASE("references_of names all that a stored manifest needs, of whatever kind it is") {
  const auto needed = [](const std::string& bytes) { return references_of(bytes).value().needed; };

  const std::string layers = descriptor('1') + ',' + descriptor('2', R"(,"urls":["https://example.com/layer"])");
  const auto stored = references_of(image(kImage, layers));
  REQUIRE(stored);
  CHECK(texts(stored->needed.blobs) == std::vector{digest('c'), digest('1')});
  CHECK(texts(stored->elsewhere) == std::vector{digest('2')});
  CHECK(!stored->subject);

  CHECK(texts(needed(R"({"manifests":[)" + descriptor('1') + ',' + descriptor('2') + "]}").manifests) ==
        std::vector{digest('1'), digest('2')});
  CHECK(texts(needed(R"({"blobs":[)" + descriptor('1') + "]}").blobs) == std::vector{digest('1')});
  CHECK(texts(needed(R"({"schemaVersion":1,"fsLayers":[{"blobSum":")" + digest('1') + R"("}]})").blobs) ==
        std::vector{digest('1')});
  CHECK(references_of(R"({"subject":)" + descriptor('5') + "}").value().subject->str() == digest('5'));
  CHECK(needed(R"({"config":1,"layers":[1,{}],"manifests":{}})").blobs.empty());
  CHECK(!references_of("no JSON"));
}
