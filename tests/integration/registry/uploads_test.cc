// How blobs come into the embedded registry.
#include <doctest/doctest.h>

#include <filesystem>
#include <regex>
#include <stdexcept>
#include <string>

#include "integration/registry/registry.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("an upload: begun, continued by ranges, looked at, finished") {
  const Data data;
  Registry registry(data);
  const Answer begun = registry.ask("POST", "/v2/a/b/blobs/uploads/");
  check_api(begun, 202);
  const std::string upload = Registry::path_of(begun);
  const std::string id = begun.header("Docker-Upload-UUID");
  CHECK(std::regex_match(id, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
  CHECK(upload == "/v2/a/b/blobs/uploads/" + id);
  CHECK(begun.header("Range") == "0-0");
  CHECK(begun.header("Content-Length") == "0");

  const auto check_progress = [&](const Answer& answer, unsigned status, std::string_view range) {
    check_api(answer, status);
    CHECK(Registry::path_of(answer) == upload);
    CHECK(answer.header("Range") == range);
    CHECK(answer.header("Docker-Upload-UUID") == id);
  };
  const auto patch = [&](std::string_view body, const std::string& range = "") {
    return registry.ask("PATCH", upload + "?_state=of-another-registry",
                        range.empty() ? "" : "Content-Range: " + range + "\r\n", body);
  };
  check_progress(patch("01234"), 202, "0-4");
  check_progress(patch("56", "5-6"), 202, "0-6");
  check_progress(patch("7", "bytes 7-7/10"), 202, "0-7");
  check_progress(registry.get(upload), 204, "0-7");
  check_progress(registry.ask("HEAD", upload), 204, "0-7");
  for (const std::string range : {"0-1", "9-10", "7-8", "18446744073709551615-18446744073709551616", "x", "8-7"}) {
    CAPTURE(range);
    const Answer refused = patch("xx", range);
    check_progress(refused, 416, "0-7");
    CHECK(refused.body == error("RANGE_INVALID", "invalid content range"));
  }
  const std::string wrong_size = error("SIZE_INVALID", "provided length did not match content length");
  check_error(patch("8", "8-9"), 400, wrong_size);
  check_error(patch("89x", "8-9"), 400, wrong_size);
  {
    Wire chunked = Wire::to(registry.port);
    chunked.send("PATCH " + upload +
                 " HTTP/1.1\r\nHost: reg.test:5000\r\nContent-Range: 8-9\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n" +
                 as_chunk("8") + as_chunk("9xyz") + "0\r\n\r\n");
    check_error(read_answer(chunked), 400, wrong_size);
  }
  check_progress(registry.get(upload), 204, "0-7");  // the bytes of refused requests are gone

  const std::string digest = digest_of("0123456789");
  const std::string mismatch = "provided digest did not match uploaded content";
  check_error(registry.ask("PUT", upload), 400, error("DIGEST_INVALID", mismatch, R"("digest missing")"));
  check_error(registry.ask("PUT", upload + "?digest=sha256:x"), 400,
              error("DIGEST_INVALID", mismatch, R"("digest parsing failed")"));
  CHECK(registry.ask("PUT", upload + "?digest=" + digest, "Content-Range: 0-1\r\n", "89").status == 416);
  std::string escaped = digest;
  escaped.replace(6, 1, "%3A");
  check_created(registry.ask("PUT", upload + "?_state=x&digest=" + escaped, "Content-Range: 8-9\r\n", "89"),
                "/v2/a/b/blobs/" + digest, digest);
  CHECK(registry.get("/v2/a/b/blobs/" + digest).body == "0123456789");
  const std::string unknown = error("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
  for (const std::string method : {"GET", "PATCH", "PUT", "DELETE"}) {
    CAPTURE(method);
    check_error(registry.ask(method, upload + "?digest=" + digest), 404, unknown);
    check_error(registry.ask(method, "/v2/a/b/blobs/uploads/..x"), 404, unknown);
  }
  check_error(registry.get("/v2/a/b/blobs/uploads/"), 404, unknown);
}

TEST_CASE("an upload whose digest is another leaves nothing behind, one that is cancelled neither") {
  const Data data;
  Registry registry(data);
  const std::string upload = registry.begin("a");
  check_error(registry.ask("PUT", upload + "?digest=" + absent, "", "hello"), 400,
              error("DIGEST_INVALID", "provided digest did not match uploaded content"));
  CHECK(registry.get(upload).status == 404);
  CHECK(registry.get("/v2/a/blobs/" + absent).status == 404);
  CHECK(registry.get("/v2/a/blobs/" + digest_of("hello")).status == 404);

  const std::string other = registry.begin("a");
  CHECK(registry.get("/v2/b/blobs/uploads/" + other.substr(other.rfind('/') + 1)).status == 404);
  const Answer cancelled = registry.ask("DELETE", other);
  check_api(cancelled, 204);
  CHECK(cancelled.header("Docker-Upload-UUID") == other.substr(other.rfind('/') + 1));
  CHECK(registry.ask("DELETE", other).status == 404);
  check_error(registry.ask("POST", "/v2/a/blobs/uploads/?digest=" + absent, "", "hello"), 400,
              error("DIGEST_INVALID", "provided digest did not match uploaded content"));
  CHECK(registry.ask("POST", "/v2/a/blobs/uploads/?digest=" + digest_of("hello")).status ==
        202);  // the body comes later
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data.path())) {
    CHECK(entry.path().string().find("/blobs/sha256/") == std::string::npos);
  }
}

TEST_CASE("a newer request takes an upload over from one that hangs") {
  const Data data;
  Registry registry(data);
  const std::string upload = registry.begin("a");
  Wire hanging = Wire::to(registry.port);
  hanging.send("PATCH " + upload + " HTTP/1.1\r\nHost: reg.test:5000\r\nContent-Length: 1000000\r\n\r\n" +
               std::string(500'000, 'a'));
  const auto offset = [&] {
    const std::string range = registry.get(upload).header("Range");
    return std::stoull(range.substr(range.find('-') + 1)) + 1;
  };
  REQUIRE(eventually([&] { return offset() > 1; }));
  const std::uint64_t kept = offset();
  const Answer taken = registry.ask(
      "PATCH", upload, "Content-Range: " + std::to_string(kept) + '-' + std::to_string(kept + 3) + "\r\n", "bbbb");
  CHECK(taken.status == 202);
  try {
    hanging.send(std::string(500'000, 'c'));
    CHECK(read_answer(hanging).status == 400);
  } catch (const std::runtime_error&) {  // broken off: as good
  }
  CHECK(offset() == kept + 4);
  const std::string digest = digest_of(std::string(kept, 'a') + "bbbb");
  CHECK(registry.ask("PUT", upload + "?digest=" + digest).status == 201);
}

TEST_CASE("a blob is mounted from where it is; everything that speaks against it makes an upload") {
  const Data data;
  Registry registry(data);
  const std::string digest = registry.push_blob("from", "hello");
  const auto mount = [&](const std::string& query) { return registry.ask("POST", "/v2/to/blobs/uploads/?" + query); };
  for (const std::string& query :
       {"mount=" + absent + "&from=from", "mount=" + digest, "mount=" + digest + "&from=nobody",
        "mount=" + digest + "&from=UPPER", std::string("mount=x&from=from")}) {
    CAPTURE(query);
    const Answer answer = mount(query);
    check_api(answer, 202);
    CHECK(answer.header("Range") == "0-0");
  }
  CHECK(registry.get("/v2/to/blobs/" + digest).status == 404);
  check_created(mount("mount=" + digest + "&from=from"), "/v2/to/blobs/" + digest, digest);
  CHECK(registry.get("/v2/to/blobs/" + digest).body == "hello");
}
