// Blobs of the embedded registry: whole, in parts, and not at all.
#include <doctest/doctest.h>

#include <string>

#include "integration/registry/registry.h"
#include "integration/wire.h"

using namespace integration;

namespace {

const std::string nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

TEST_CASE("a blob: whole, its head, parts of it, and not at all when it is known already") {
  const Data data;
  Registry registry(data);
  const std::string bytes = "0123456789";
  const std::string digest = registry.push_blob("some/repo", bytes);
  const std::string path = "/v2/some/repo/blobs/" + digest;
  for (const std::string method : {"GET", "HEAD"}) {
    const Answer answer = registry.ask(method, path);
    check_api(answer, 200);
    CHECK(answer.header("Content-Length") == "10");
    CHECK(answer.header("Content-Type") == "application/octet-stream");
    CHECK(answer.header("Docker-Content-Digest") == digest);
    CHECK(answer.header("ETag") == '"' + digest + '"');
    CHECK(answer.header("Cache-Control") == "max-age=31536000");
    CHECK(answer.header("Accept-Ranges") == "bytes");
    CHECK(answer.body == (method == "GET" ? bytes : ""));
  }
  struct Part {
    std::string range;
    unsigned status;
    std::string body;
    std::string content_range;
  };
  for (const Part& part :
       {Part{"bytes=0-3", 206, "0123", "bytes 0-3/10"}, Part{"bytes=4-", 206, "456789", "bytes 4-9/10"},
        Part{"bytes=-3", 206, "789", "bytes 7-9/10"}, Part{"bytes=9-9", 206, "9", "bytes 9-9/10"},
        Part{"bytes=5-99999999999999999999", 206, "56789", "bytes 5-9/10"},
        Part{"bytes=-100", 206, bytes, "bytes 0-9/10"}, Part{"bytes=0-0,5-6", 200, bytes, ""},
        Part{"lines=0-1", 200, bytes, ""}, Part{"bytes=10-", 416, "", "bytes */10"},
        Part{"bytes=18446744073709551616-", 416, "", "bytes */10"}, Part{"bytes=5-4", 416, "", "bytes */10"},
        Part{"bytes=abc", 416, "", "bytes */10"}, Part{"bytes=-0", 416, "", "bytes */10"}}) {
    CAPTURE(part.range);
    const Answer answer = registry.get(path, "Range: " + part.range + "\r\n");
    check_api(answer, part.status);
    CHECK(answer.header("Content-Range") == part.content_range);
    if (part.status == 416) {
      CHECK(answer.body == error("RANGE_INVALID", "invalid content range"));
    } else {
      CHECK(answer.body == part.body);
    }
  }
  CHECK(registry.get(path, "Range: bytes=0-3\r\nIf-Range: \"" + digest + "\"\r\n").body == "0123");
  CHECK(registry.get(path, "Range: bytes=0-3\r\nIf-Range: \"other\"\r\n").body == bytes);
  CHECK(registry.ask("HEAD", path, "Range: bytes=0-3\r\n").status == 200);
  for (const std::string& known : {'"' + digest + '"', digest, std::string("*"), "\"x\", W/\"" + digest + '"'}) {
    CAPTURE(known);
    const Answer answer = registry.get(path, "If-None-Match: " + known + "\r\n");
    check_api(answer, 304);
    CHECK(answer.header("ETag") == '"' + digest + '"');
  }
  check_error(registry.get("/v2/some/repo/blobs/" + absent), 404,
              error("BLOB_UNKNOWN", "blob unknown to registry", '"' + absent + '"'));
  CHECK(registry.ask("HEAD", "/v2/some/repo/blobs/" + absent).status == 404);
  CHECK(registry.get("/v2/other/repo/blobs/" + digest).status == 404);  // linked in that repository only
}

TEST_CASE("a blob of no bytes is a blob") {
  const Data data;
  Registry registry(data);
  check_created(registry.ask("POST", "/v2/a/blobs/uploads/?digest=" + nothing), "/v2/a/blobs/" + nothing, nothing);
  const Answer answer = registry.get("/v2/a/blobs/" + nothing);
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Length") == "0");
  CHECK(registry.get("/v2/a/blobs/" + nothing, "Range: bytes=0-\r\n").status == 416);
}
