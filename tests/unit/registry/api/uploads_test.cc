#include <doctest/doctest.h>

#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

namespace {

std::string digest_of_text(const std::string& text) { return store::sha256(text).str(); }

}  // namespace

TEST_CASE("POST, PATCH with the whole layer, empty PUT: what docker push does") {
  Registry registry;
  const Response begun = registry.ask({"POST", "/v2/library/app/blobs/uploads/"});
  CHECK(begun.status == 202);
  CHECK(begun["Range"] == "0-0");
  CHECK(begun["Content-Length"] == "0");
  const std::string path = "/v2/library/app/blobs/uploads/" + begun["Docker-Upload-UUID"];
  CHECK(begun["Location"] == "https://registry.example:5043" + path);

  const Response patched = registry.ask({"PATCH", path, {}, "hello", true});
  CHECK(patched.status == 202);
  CHECK(patched["Range"] == "0-4");
  CHECK(patched["Location"] == begun["Location"]);
  const std::string digest = digest_of_text("hello");
  const Response put = registry.ask({"PUT", path + "?digest=" + digest});
  CHECK(put.status == 201);
  CHECK(put["Location"] == "https://registry.example:5043/v2/library/app/blobs/" + digest);
  CHECK(put["Docker-Content-Digest"] == digest);
  CHECK(put["Content-Length"] == "0");
  CHECK(registry.get("/v2/library/app/blobs/" + digest).body == "hello");
  CHECK(registry.get(path).says(404, "BLOB_UPLOAD_UNKNOWN"));
}

TEST_CASE("a Location is relative when the client named no host") {
  Registry registry;
  registry.client_host.clear();
  CHECK(registry.ask({"POST", "/v2/a/blobs/uploads/"})["Location"].starts_with("/v2/a/blobs/uploads/"));
}

TEST_CASE("POST and PUT with the whole body") {
  Registry registry;
  const std::string digest = digest_of_text("hello");
  CHECK(registry.ask({"PUT", registry.begin("a") + "?digest=" + digest, {}, "hello"}).status == 201);
  CHECK(
      registry.ask({"PUT", registry.begin("b") + "?_state=abc&digest=sha256%3A" + digest.substr(7), {}, "hello", true})
          .status == 201);
  CHECK(registry.get("/v2/b/blobs/" + digest).body == "hello");
}

TEST_CASE("the whole blob in one POST") {
  Registry registry;
  const std::string digest = digest_of_text("hello");
  const Response stored = registry.ask({"POST", "/v2/a/blobs/uploads/?digest=" + digest, {}, "hello"});
  CHECK(stored.status == 201);
  CHECK(stored["Location"] == "https://registry.example:5043/v2/a/blobs/" + digest);
  CHECK(registry.get("/v2/a/blobs/" + digest).body == "hello");
  CHECK(registry.ask({"POST", "/v2/a/blobs/uploads?digest=" + digest, {}, "hello", true}).status == 201);

  // Without a body it is the beginning of an upload, but for the blob that has none.
  CHECK(registry.ask({"POST", "/v2/a/blobs/uploads/?digest=" + digest}).status == 202);
  CHECK(registry.ask({"POST", "/v2/a/blobs/uploads/?digest=" + digest_of_text("")}).status == 201);
  CHECK(registry.ask({"POST", "/v2/a/blobs/uploads/?digest=md5:1", {}, "x"}).says(400, "DIGEST_INVALID"));
}

TEST_CASE("a POST whose body is not the digest's, or that breaks off, leaves nothing") {
  Registry registry;
  const std::string path = "/v2/a/blobs/uploads/?digest=" + digest_of_text("hello");
  CHECK(registry.ask({"POST", path, {}, "other"}).says(400, "DIGEST_INVALID"));
  CHECK(registry.ask({"POST", path, {}, "hel", true, true}).broken);
  CHECK(std::filesystem::is_empty(registry.scratch.v2("repositories/a/_uploads")));
  CHECK(registry.get("/v2/a/blobs/" + digest_of_text("hello")).status == 404);
}

TEST_CASE("chunks with a range, in order") {
  Registry registry;
  const std::string path = registry.begin("a");
  CHECK(registry.ask({"PATCH", path, {{"Content-Range", "0-2"}}, "hel"})["Range"] == "0-2");
  CHECK(registry.ask({"PATCH", path, {{"Content-Range", "bytes 3-3/*"}}, "l", true})["Range"] == "0-3");
  CHECK(registry.ask({"PUT", path + "?digest=" + digest_of_text("hello"), {{"Content-Range", "4-4"}}, "o"}).status ==
        201);
}

TEST_CASE("a chunk out of order is a 416 that says where to go on, and writes nothing") {
  Registry registry;
  const std::string path = registry.begin("a");
  registry.ask({"PATCH", path, {}, "hel"});
  for (const char* method : {"PATCH", "PUT"}) {
    for (const char* range : {"0-1", "2-3", "4-5", "nonsense", "5-4"}) {
      CAPTURE(range);
      const Response refused =
          registry.ask({method, path + "?digest=" + digest_of_text("hello"), {{"Content-Range", range}}, "XX"});
      CHECK(refused.says(416, "RANGE_INVALID"));
      CHECK(refused["Range"] == "0-2");
      CHECK(refused["Location"] == "https://registry.example:5043" + path);
      CHECK(refused["Docker-Upload-UUID"] == path.substr(path.rfind('/') + 1));
    }
  }
  CHECK(registry.ask({"PUT", path + "?digest=" + digest_of_text("hello"), {}, "lo"}).status == 201);
}

TEST_CASE("a chunk of another length than its range is refused, and its bytes are dropped") {
  Registry registry;
  const std::string path = registry.begin("a");
  registry.ask({"PATCH", path, {}, "hel"});
  for (const bool streamed : {false, true}) {
    CHECK(registry.ask({"PATCH", path, {{"Content-Range", "3-4"}}, "XXX", streamed}).says(400, "SIZE_INVALID"));
    CHECK(registry.ask({"PATCH", path, {{"Content-Range", "3-7"}}, "XXX", streamed}).says(400, "SIZE_INVALID"));
    CHECK(registry.get(path)["Range"] == "0-2");
  }
  CHECK(registry.ask({"PUT", path + "?digest=" + digest_of_text("hello"), {}, "lo"}).status == 201);
}

TEST_CASE("the state of an upload, for whoever lost it") {
  Registry registry;
  const std::string path = registry.begin("a");
  CHECK(registry.get(path)["Range"] == "0-0");
  registry.ask({"PATCH", path, {}, std::string(1000, 'x')});
  for (const char* method : {"GET", "HEAD"}) {
    const Response state = registry.ask({method, path});
    CHECK(state.status == 204);
    CHECK(state["Range"] == "0-999");
    CHECK(state["Location"] == "https://registry.example:5043" + path);
    CHECK(state["Content-Length"] == "(none)");
  }
}

TEST_CASE("a client that breaks off finds what it sent, and goes on from there") {
  Registry registry;
  const std::string bytes(1'000'000, 'x');
  const std::string path = registry.begin("a");
  CHECK(registry.ask({"PATCH", path, {}, bytes, true, true, 10'000}).broken);
  CHECK(registry.get(path)["Range"] == "0-999999");
  CHECK(registry.ask({"PATCH", path, {{"Content-Range", "1000000-1000002"}}, "yyy"})["Range"] == "0-1000002");
  CHECK(registry.ask({"PUT", path + "?digest=" + digest_of_text(bytes + "yyy")}).status == 201);
}

TEST_CASE("a wrong digest ends the upload; a missing one does not") {
  Registry registry;
  const std::string path = registry.begin("a");
  registry.ask({"PATCH", path, {}, "hello"});
  CHECK(registry.ask({"PUT", path}).body.find("digest missing") != std::string::npos);
  CHECK(registry.ask({"PUT", path}).says(400, "DIGEST_INVALID"));
  CHECK(registry.ask({"PUT", path + "?digest=sha256:x"}).body.find("digest parsing failed") != std::string::npos);
  CHECK(registry.get(path).status == 204);
  CHECK(registry.ask({"PUT", path + "?digest=" + digest_of_text("other")}).says(400, "DIGEST_INVALID"));
  CHECK(registry.get(path).says(404, "BLOB_UPLOAD_UNKNOWN"));
  CHECK(registry.get("/v2/a/blobs/" + digest_of_text("other")).status == 404);
}

TEST_CASE("a blob that is there already is pushed again without harm") {
  Registry registry;
  const std::string digest = registry.push("a", "hello");
  CHECK(registry.push("a", "hello") == digest);
  CHECK(registry.get("/v2/a/blobs/" + digest).body == "hello");
}

TEST_CASE("an upload that is not there is unknown to every method") {
  Registry registry;
  const std::string mine = registry.begin("a");
  const std::string foreign = "/v2/b/blobs/uploads/" + mine.substr(mine.rfind('/') + 1);
  for (const std::string& path :
       {foreign, std::string("/v2/a/blobs/uploads/01234567-89ab-4def-8123-456789abcdef"),
        std::string("/v2/a/blobs/uploads/nonsense"), std::string("/v2/a/blobs/uploads/..%2f..")}) {
    for (const char* method : {"GET", "PATCH", "PUT", "DELETE"}) {
      CAPTURE(path);
      CAPTURE(method);
      CHECK(registry.ask({method, path + "?digest=" + digest_of_text("x")}).status == 404);
    }
  }
  CHECK(registry.ask({"PUT", foreign}).says(404, "BLOB_UPLOAD_UNKNOWN"));
  CHECK(registry.get("/v2/a/blobs/uploads/").says(404, "BLOB_UPLOAD_UNKNOWN"));
  CHECK(registry.get(mine).status == 204);
}

TEST_CASE("a cancelled upload is gone, also where deletes are off") {
  Registry registry;
  const std::string path = registry.begin("a");
  const Response cancelled = registry.ask({"DELETE", path});
  CHECK(cancelled.status == 204);
  CHECK(cancelled["Docker-Upload-UUID"] == path.substr(path.rfind('/') + 1));
  CHECK(registry.get(path).says(404, "BLOB_UPLOAD_UNKNOWN"));
  CHECK(registry.ask({"DELETE", path}).status == 404);
}

TEST_CASE("a blob is mounted from another repository, or uploaded if it cannot be") {
  Registry registry;
  const std::string digest = registry.push("other/app", "x");
  const Response mounted = registry.ask({"POST", "/v2/a/blobs/uploads/?mount=" + digest + "&from=other%2Fapp"});
  CHECK(mounted.status == 201);
  CHECK(mounted["Location"] == "https://registry.example:5043/v2/a/blobs/" + digest);
  CHECK(mounted["Docker-Content-Digest"] == digest);
  CHECK(registry.get("/v2/a/blobs/" + digest).body == "x");
  for (const std::string& query :
       {"mount=" + digest, "mount=" + digest + "&from=none", "mount=" + digest + "&from=UPPER",
        std::string("mount=nonsense&from=other/app"), "mount=" + digest_of_text("absent") + "&from=other/app"}) {
    CAPTURE(query);
    const Response uploading = registry.ask({"POST", "/v2/b/blobs/uploads/?" + query});
    CHECK(uploading.status == 202);
    CHECK(uploading["Docker-Upload-UUID"] != "(none)");
  }
}

TEST_CASE("sha512 as the client wants it") {
  Registry registry;
  const std::string digest = store::digest_of(store::Algorithm::Sha512, text::bytes_of("hello")).str();
  const Response begun = registry.ask({"POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512"});
  CHECK(begun.status == 202);
  const std::string path = "/v2/a/blobs/uploads/" + begun["Docker-Upload-UUID"];
  const Response put = registry.ask({"PUT", path + "?digest=" + digest, {}, "hello"});
  CHECK(put.status == 201);
  CHECK(put["Docker-Content-Digest"] == digest);
  CHECK(registry.get("/v2/a/blobs/" + digest).body == "hello");
  CHECK(registry.ask({"POST", "/v2/a/blobs/uploads/?digest-algorithm=md5"}).says(400, "DIGEST_INVALID"));
}
