#include <doctest/doctest.h>

#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

TEST_CASE("a blob is read whole, with registry:2's headers") {
  Registry registry;
  const std::string digest = registry.push("a", "hello world");
  for (const char* method : {"GET", "HEAD"}) {
    const Response response = registry.ask({method, "/v2/a/blobs/" + digest});
    CHECK(response.status == 200);
    CHECK(response.finished);
    CHECK(response["Content-Length"] == "11");
    CHECK(response["Content-Type"] == "application/octet-stream");
    CHECK(response["Docker-Content-Digest"] == digest);
    CHECK(response["ETag"] == '"' + digest + '"');
    CHECK(response["Cache-Control"] == "max-age=31536000");
    CHECK(response["Accept-Ranges"] == "bytes");
    CHECK(response.body == (std::string_view(method) == "GET" ? "hello world" : ""));
  }
}

TEST_CASE("a blob that is not in this repository is unknown, whoever else has it") {
  Registry registry;
  const std::string digest = registry.push("a", "x");
  for (const char* method : {"GET", "HEAD"}) {
    const Response response = registry.ask({method, "/v2/b/blobs/" + digest});
    CHECK(response.status == 404);
    if (std::string_view(method) == "GET") {
      CHECK(response.body ==
            "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"blob unknown to registry\",\"detail\":\"" + digest +
                "\"}]}\n");
    }
  }
  const Response malformed = registry.get("/v2/a/blobs/sha256:xyz");
  CHECK(malformed.status == 400);
  CHECK(malformed.body.find("DIGEST_INVALID") != std::string::npos);
}

TEST_CASE("a part of a blob") {
  Registry registry;
  const std::string path = "/v2/a/blobs/" + registry.push("a", "0123456789");
  const Response part = registry.get(path, {{"Range", "bytes=2-4"}});
  CHECK(part.status == 206);
  CHECK(part.body == "234");
  CHECK(part["Content-Range"] == "bytes 2-4/10");
  CHECK(part["Content-Length"] == "3");
  CHECK(registry.get(path, {{"Range", "bytes=-2"}}).body == "89");
  CHECK(registry.get(path, {{"Range", "bytes=8-100"}})["Content-Range"] == "bytes 8-9/10");
  CHECK(registry.get(path, {{"Range", "bytes=0-0,5-6"}}).status == 200);
  CHECK(registry.ask({"HEAD", path, {{"Range", "bytes=2-4"}}}).status == 200);
  for (const char* range : {"bytes=10-", "bytes=500-0", "bytes=abc"}) {
    const Response refused = registry.get(path, {{"Range", range}});
    CHECK(refused.status == 416);
    CHECK(refused["Content-Range"] == "bytes */10");
    CHECK(refused["Content-Length"] == std::to_string(refused.body.size()));
  }
}

TEST_CASE("a range is only honoured for the blob that the client means") {
  Registry registry;
  const std::string digest = registry.push("a", "0123456789");
  const std::string path = "/v2/a/blobs/" + digest;
  CHECK(registry.get(path, {{"Range", "bytes=2-4"}, {"If-Range", '"' + digest + '"'}}).status == 206);
  CHECK(registry.get(path, {{"Range", "bytes=2-4"}, {"If-Range", "\"other\""}}).status == 200);
}

TEST_CASE("a client that has the blob is told so") {
  Registry registry;
  const std::string digest = registry.push("a", "x");
  for (const std::string& known : {'"' + digest + '"', digest, std::string("*"), "\"other\", W/\"" + digest + '"'}) {
    CAPTURE(known);
    const Response response = registry.get("/v2/a/blobs/" + digest, {{"If-None-Match", known}});
    CHECK(response.status == 304);
    CHECK(response.body.empty());
    CHECK(response["ETag"] == '"' + digest + '"');
    CHECK(response["Docker-Content-Digest"] == digest);
  }
  CHECK(registry.get("/v2/a/blobs/" + digest, {{"If-None-Match", "\"other\""}}).status == 200);
}

TEST_CASE("a zero-byte blob is legal") {
  Registry registry;
  const Response response = registry.get("/v2/a/blobs/" + registry.push("a", ""));
  CHECK(response.status == 200);
  CHECK(response["Content-Length"] == "0");
  CHECK(response.finished);
}

TEST_CASE("a blob larger than all buffers comes out as it went in") {
  Registry registry;
  std::string bytes(3'000'001, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  const std::string path = "/v2/a/blobs/" + registry.push("a", bytes);
  CHECK(registry.get(path).body == bytes);
  CHECK(registry.get(path, {{"Range", "bytes=70000-2000000"}}).body == bytes.substr(70'000, 1'930'001));
}

TEST_CASE("deleting a blob takes it from this repository") {
  Registry registry({.delete_enabled = true});
  const std::string digest = registry.push("a", "x");
  registry.push("b", "x");
  const Response response = registry.ask({"DELETE", "/v2/a/blobs/" + digest});
  CHECK(response.status == 202);
  CHECK(response["Content-Length"] == "0");
  CHECK(registry.get("/v2/a/blobs/" + digest).status == 404);
  CHECK(registry.ask({"DELETE", "/v2/a/blobs/" + digest}).status == 404);
  CHECK(registry.ask({"DELETE", "/v2/a/blobs/nonsense"}).status == 400);
  CHECK(registry.get("/v2/b/blobs/" + digest).status == 200);
}
