// What each setting changes for clients.
#include "registry/api/settings.h"

#include <doctest/doctest.h>

#include <thread>

#include "registry/manifest/manifest.h"
#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

namespace {

rules::Regex pattern(std::string_view text) {
  return rules::Regex::compile(text, rules::Regex::Case::Sensitive).value();
}

std::string foreign_layer(const std::string& config, const std::string& url) {
  return R"({"schemaVersion":2,"config":{"digest":")" + config + R"("},"layers":[{"digest":")" +
         store::sha256("elsewhere").str() + R"(","urls":[")" + url + R"("]}]})";
}

unsigned status_of_layer_at(Registry& registry, const std::string& url) {
  const std::string config = registry.push("a", "{}");
  return registry
      .ask({"PUT", "/v2/a/manifests/v1", {{"Content-Type", std::string(media::kOciImage)}}, foreign_layer(config, url)})
      .status;
}

}  // namespace

TEST_CASE("foreign layers may name what the patterns say, and without patterns any web address") {
  Registry usual;
  CHECK(status_of_layer_at(usual, "https://example.com/layer") == 201);
  CHECK(status_of_layer_at(usual, "https://example.com/layer#part") == 400);
  CHECK(status_of_layer_at(usual, "ftp://example.com/layer") == 400);

  Registry strict({.layer_urls = {.allow = {pattern("^https://")}, .deny = {pattern("[.]org/")}}});
  CHECK(status_of_layer_at(strict, "https://example.com/layer") == 201);
  CHECK(status_of_layer_at(strict, "http://example.com/layer") == 400);
  CHECK(status_of_layer_at(strict, "https://example.org/layer") == 400);

  Registry unchecked({.layer_urls = {.unchecked = true, .deny = {pattern(".")}}});
  CHECK(status_of_layer_at(unchecked, "ftp://example.com/layer#part") == 201);
}

TEST_CASE("an index may list what is not there only where that is allowed") {
  const std::string index =
      R"({"schemaVersion":2,"manifests":[{"digest":")" + store::sha256("absent").str() + R"("}]})";
  const Ask push{"PUT", "/v2/a/manifests/v1", {{"Content-Type", std::string(media::kOciIndex)}}, index};
  CHECK(Registry().ask(push).status == 400);
  CHECK(Registry({.sparse_indexes = true}).ask(push).status == 201);
}

TEST_CASE("the longest page of the catalog is as set") {
  Registry registry({.catalog_most = 2});
  for (const char* name : {"a", "b", "c"}) registry.push(name, "x");
  CHECK(registry.get("/v2/_catalog").body == "{\"repositories\":[\"a\",\"b\"]}\n");
  CHECK(registry.get("/v2/_catalog")["Link"] == "</v2/_catalog?last=b&n=2>; rel=\"next\"");
  CHECK(registry.get("/v2/_catalog?n=2").status == 200);
  CHECK(registry.get("/v2/_catalog?n=3").status == 400);
}

TEST_CASE("a mount that does not say from where finds the blob only where that is allowed") {
  for (const bool automatic : {false, true}) {
    CAPTURE(automatic);
    Registry registry({.automatic_mount = automatic});
    const std::string digest = registry.push("there/below", "x");
    const Response response = registry.ask({"POST", "/v2/here/blobs/uploads/?mount=" + digest});
    CHECK(response.status == (automatic ? 201 : 202));
    CHECK(registry.get("/v2/here/blobs/" + digest).status == (automatic ? 200 : 404));
    CHECK(registry.ask({"POST", "/v2/here/blobs/uploads/?mount=" + store::sha256("y").str()}).status == 202);
    CHECK(registry.ask({"POST", "/v2/here/blobs/uploads/?mount=nonsense"}).status == 202);
  }
}

TEST_CASE("a location begins as the settings say") {
  const auto begins = [](ApiSettings settings) {
    Registry registry(std::move(settings));
    const std::string location = registry.ask({"POST", "/v2/a/blobs/uploads/"})["Location"];
    return location.substr(0, location.find("/v2/"));
  };
  CHECK(begins({}) == "https://registry.example:5043");
  CHECK(begins({.relative_urls = true}) == "");
  CHECK(begins({.public_url = "http://other:1"}) == "http://other:1");
  CHECK(begins({.public_url = "http://other:1", .relative_urls = true}) == "http://other:1");
}

TEST_CASE("uploads that are too old go away by themselves, but not while nothing may be written") {
  using namespace std::chrono_literals;
  for (const bool read_only : {true, false}) {
    CAPTURE(read_only);
    Registry registry({.read_only = read_only, .purging = {.age = 1h, .interval = 1ms, .first_after = 0ms}});
    const std::string upload = "repositories/a/_uploads/01234567-89ab-4def-8123-456789abcdef";
    registry.scratch.write(upload + "/data", "x");
    registry.scratch.write(upload + "/startedat", "2020-01-01T00:00:00Z");
    const auto end = std::chrono::steady_clock::now() + (read_only ? 100ms : 10s);
    while (registry.scratch.has(upload) && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
    CHECK(registry.scratch.has(upload) == read_only);
  }
}
