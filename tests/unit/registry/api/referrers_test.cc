#include <doctest/doctest.h>

#include "registry/manifest/manifest.h"
#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

namespace {

const std::string kImage(media::kOciImage);
const std::string kIndex(media::kOciIndex);

std::string list_with(const std::string& descriptors) {
  return R"({"schemaVersion":2,"mediaType":")" + kIndex + R"(","manifests":[)" + descriptors + "]}";
}

struct Fixture {
  Registry registry{{.delete_enabled = true}};
  const std::string config = registry.push("a", "{}");
  const std::string subject = store::sha256("the subject, which need not be there").str();
  const std::string list = "/v2/a/referrers/" + subject;

  Response put(const std::string& bytes, const std::string& type) {
    return registry.ask({"PUT", "/v2/a/manifests/" + store::sha256(bytes).str(), {{"Content-Type", type}}, bytes});
  }
  // An image about the subject; `more` is the rest of its object.
  std::string image(const std::string& more) const {
    return R"({"schemaVersion":2,"config":{"mediaType":"text/config","digest":")" + config +
           R"("},"layers":[],"subject":{"digest":")" + subject + "\"}" + more + '}';
  }
  std::string descriptor(const std::string& bytes, const std::string& annotations, const std::string& artifact_type,
                         const std::string& type) const {
    return "{" + annotations + (artifact_type.empty() ? "" : R"("artifactType":")" + artifact_type + "\",") +
           R"("digest":")" + store::sha256(bytes).str() + R"(","mediaType":")" + type + R"(","size":)" +
           std::to_string(bytes.size()) + "}";
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "without referrers the list is empty, whatever is asked for") {
  for (const std::string& path : {list, "/v2/none/referrers/" + subject}) {
    const Response response = registry.get(path);
    CHECK(response.status == 200);
    CHECK(response["Content-Type"] == kIndex);
    CHECK(response["OCI-Filters-Applied"] == "(none)");
    CHECK(response.body == list_with(""));
  }
  CHECK(registry.get("/v2/a/referrers/latest").status == 400);
  CHECK(registry.get("/v2/a/referrers/sha256:00").body.find("DIGEST_INVALID") != std::string::npos);
  CHECK(registry.ask({"HEAD", list}).status == 200);
  CHECK(registry.ask({"PUT", list})["Allow"] == "GET, HEAD");
}

TEST_CASE_FIXTURE(Fixture,
                  "a pushed referrer is acknowledged with its subject, and listed with what it says of itself") {
  const std::string by_config = image("");
  const Response pushed = put(by_config, kImage);
  CHECK(pushed.status == 201);
  CHECK(pushed["OCI-Subject"] == subject);
  CHECK(registry.get(list).body == list_with(descriptor(by_config, "", "text/config", kImage)));

  const std::string by_type = image(R"(,"artifactType":"text/sbom","annotations":{"k":"v"})");
  const std::string index =
      R"({"schemaVersion":2,"mediaType":")" + kIndex + R"(","manifests":[],"subject":{"digest":")" + subject + "\"}}";
  CHECK(put(by_type, kImage)["OCI-Subject"] == subject);
  CHECK(put(index, kIndex)["OCI-Subject"] == subject);
  std::vector<std::pair<std::string, std::string>> expected{
      {store::sha256(by_config).str(), descriptor(by_config, "", "text/config", kImage)},
      {store::sha256(by_type).str(), descriptor(by_type, R"("annotations":{"k":"v"},)", "text/sbom", kImage)},
      {store::sha256(index).str(), descriptor(index, "", "", kIndex)}};
  std::sort(expected.begin(), expected.end());
  CHECK(registry.get(list).body == list_with(expected[0].second + ',' + expected[1].second + ',' + expected[2].second));

  const Response filtered = registry.get(list + "?artifactType=text/sbom");
  CHECK(filtered["OCI-Filters-Applied"] == "artifactType");
  CHECK(filtered.body == list_with(descriptor(by_type, R"("annotations":{"k":"v"},)", "text/sbom", kImage)));
  CHECK(registry.get(list + "?artifactType=other").body == list_with(""));
}

TEST_CASE_FIXTURE(Fixture, "a manifest about nothing gets no subject, a malformed subject is refused") {
  const std::string plain = R"({"schemaVersion":2,"manifests":[]})";
  CHECK(put(plain, kIndex)["OCI-Subject"] == "(none)");
  const std::string wrong = R"({"schemaVersion":2,"manifests":[],"subject":{"digest":"latest"}})";
  CHECK(put(wrong, kIndex).status == 400);
  CHECK(registry.get(list).body == list_with(""));
}

TEST_CASE_FIXTURE(Fixture, "deleting a referrer takes it off the list at once") {
  const std::string referrer = image("");
  put(referrer, kImage);
  REQUIRE(registry.get(list).body != list_with(""));
  CHECK(registry.ask({"DELETE", "/v2/a/manifests/" + store::sha256(referrer).str()}).status == 202);
  CHECK(registry.get(list).body == list_with(""));
}

TEST_CASE_FIXTURE(Fixture, "referrers that another program put on the volume are listed") {
  const auto write = [&](const std::string& bytes) {
    const std::string hex(store::sha256(bytes).hex());
    registry.scratch.write("blobs/sha256/" + hex.substr(0, 2) + '/' + hex + "/data", bytes);
    registry.scratch.write("repositories/a/_manifests/revisions/sha256/" + hex + "/link", "sha256:" + hex);
    return hex;
  };
  REQUIRE(registry.get(list).body == list_with(""));  // nothing is remembered that could hide what comes
  const std::string referrer = image("");
  const std::string hex = write(referrer);
  CHECK(registry.get(list).body == list_with(descriptor(referrer, "", "text/config", kImage)));

  // What a crash leaves of a link is no referrer.
  registry.scratch.write("repositories/a/_manifests/revisions/sha256/" + hex + "/link", "");
  CHECK(registry.get(list).body == list_with(""));
  registry.scratch.write("repositories/a/_manifests/revisions/sha256/" + hex + "/link", "sha256:" + hex);
  CHECK(registry.get(list).body == list_with(descriptor(referrer, "", "text/config", kImage)));
}

TEST_CASE_FIXTURE(Fixture, "what old clients listed under the fallback tag counts, unless its own subject is another") {
  const std::string plain =
      R"({"schemaVersion":2,"config":{"mediaType":"text/x","digest":")" + config + R"("},"layers":[]})";
  const std::string other =
      R"({"schemaVersion":2,"manifests":[],"subject":{"digest":")" + store::sha256("another").str() + "\"}}";
  REQUIRE(put(plain, kImage).status == 201);
  REQUIRE(put(other, kIndex).status == 201);
  const std::string fallback = R"({"schemaVersion":2,"manifests":[{"digest":")" + store::sha256(plain).str() +
                               R"("},{"digest":")" + store::sha256(other).str() + "\"}]}";
  const std::string tag = "sha256-" + subject.substr(7);
  REQUIRE(registry.ask({"PUT", "/v2/a/manifests/" + tag, {{"Content-Type", kIndex}}, fallback}).status == 201);
  CHECK(registry.get(list).body == list_with(descriptor(plain, "", "text/x", kImage)));
  CHECK(registry.get("/v2/a/manifests/" + tag).body == fallback);
  CHECK(registry.get("/v2/a/tags/list").body == R"({"name":"a","tags":[")" + tag + "\"]}\n");
}

TEST_CASE_FIXTURE(Fixture, "a list too large for one answer comes in pages, each whole, none twice") {
  std::vector<std::string> pushed;
  for (const char* number : {"1", "2", "3"}) {
    const std::string bytes = image(R"(,"annotations":{"n":")" + std::string(2'000'000, *number) + "\"}");
    REQUIRE(put(bytes, kImage).status == 201);
    pushed.push_back(store::sha256(bytes).str());
  }
  std::sort(pushed.begin(), pushed.end());
  std::string next = list + "?artifactType=text/config";
  for (std::size_t page = 0; page < pushed.size(); ++page) {
    const Response response = registry.get(next);
    CHECK(response.body.size() < (4U << 20));
    CHECK(response.body.find(pushed[page]) != std::string::npos);
    const std::string link = response["Link"];
    if (page + 1 == pushed.size()) {
      CHECK(link == "(none)");
    } else {
      REQUIRE(link.starts_with("</v2/a/referrers/"));
      next = link.substr(1, link.find('>') - 1);
      CHECK(next.find("artifactType=text%2Fconfig") != std::string::npos);
    }
  }
}
