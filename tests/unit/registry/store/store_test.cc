#include "registry/store/store.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <future>

#include "contract/store_driver.h"
#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

struct Fixture : Stored {
  Repository app = store.repository(repository("library/app"));

  void push_manifest(Repository& to, std::string_view bytes, const std::vector<Tag>& tags) {
    auto missing = to.put_manifest(sha256(bytes), bytes, {}, tags);
    REQUIRE(missing.ok());
    REQUIRE(missing.value().empty());
  }
};

std::string blob_path(const Digest& digest) {
  return "blobs/sha256/" + std::string(digest.hex().substr(0, 2)) + '/' + std::string(digest.hex()) + "/data";
}
std::string layer_path(std::string_view name, const Digest& digest) {
  return "repositories/" + std::string(name) + "/_layers/sha256/" + std::string(digest.hex()) + "/link";
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an upload becomes a blob with exactly registry:2's files") {
  push_blob(app, "hello");
  CHECK(scratch.read(blob_path(sha256("hello"))) == "hello");
  CHECK(scratch.read(layer_path("library/app", sha256("hello"))) == sha256("hello").str());
  CHECK(std::filesystem::is_empty(scratch.v2("repositories/library/app/_uploads")));
  CHECK(app.blob_size(sha256("hello")).value() == 5);
  CHECK(all_of(*app.open_blob(sha256("hello")).value()) == "hello");
}

TEST_CASE_FIXTURE(Fixture, "an upload in progress has registry:2's files") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  REQUIRE(upload.ok());
  const std::string folder = "repositories/library/app/_uploads/" + upload.value().id().str();
  const std::string started = scratch.read(folder + "/startedat");
  CHECK(started.size() == 20);  // 2026-11-21T01:35:04Z
  CHECK(started[10] == 'T');
  CHECK(started.back() == 'Z');
  CHECK(scratch.has(folder + "/data"));
}

TEST_CASE_FIXTURE(Fixture, "a wrong digest leaves neither blob nor upload") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  REQUIRE(upload.value().append(text::bytes_of("hello")).ok());
  const UploadId id = upload.value().id();
  CHECK(upload.value().commit(sha256("other")).error().code == ErrorCode::DigestMismatch);
  CHECK_FALSE(scratch.has(blob_path(sha256("hello"))));
  CHECK_FALSE(scratch.has(blob_path(sha256("other"))));
  CHECK(app.upload_size(id).error().code == ErrorCode::NotFound);
  CHECK(app.resume_upload(id).error().code == ErrorCode::NotFound);
}

TEST_CASE_FIXTURE(Fixture, "a blob of another repository is not visible until it is mounted") {
  Repository other = store.repository(repository("other"));
  push_blob(other, "shared");
  CHECK(app.blob_size(sha256("shared")).error().code == ErrorCode::NotFound);
  CHECK(app.mount_blob(sha256("absent"), other.name()).error().code == ErrorCode::NotFound);
  REQUIRE(app.mount_blob(sha256("shared"), other.name()).ok());
  CHECK(all_of(*app.open_blob(sha256("shared")).value()) == "shared");
}

TEST_CASE_FIXTURE(Fixture, "deleting a blob takes it from one repository only") {
  Repository other = store.repository(repository("other"));
  push_blob(app, "shared");
  REQUIRE(other.mount_blob(sha256("shared"), app.name()).ok());
  CHECK(app.delete_blob(sha256("shared")).ok());
  CHECK(app.delete_blob(sha256("shared")).error().code == ErrorCode::NotFound);
  CHECK(app.blob_size(sha256("shared")).error().code == ErrorCode::NotFound);
  CHECK(other.blob_size(sha256("shared")).ok());
}

TEST_CASE_FIXTURE(Fixture, "the empty blob is a blob; any other empty file is not, until it is pushed again") {
  push_blob(app, "");
  CHECK(app.blob_size(sha256("")).value() == 0);
  push_blob(app, "hello");
  scratch.write(blob_path(sha256("hello")), "");
  CHECK(app.blob_size(sha256("hello")).error().code == ErrorCode::NotFound);
  CHECK(app.open_blob(sha256("hello")).error().code == ErrorCode::NotFound);
  push_blob(app, "hello");
  CHECK(app.blob_size(sha256("hello")).value() == 5);
}

TEST_CASE_FIXTURE(Fixture, "an empty or malformed link is absent, and is reported once") {
  const Scratch logs;
  auto file = observe::LogFile::open((logs.path() / "error.log").string());
  REQUIRE(file.ok());
  Store logging(scratch.driver(), observe::ErrorLog({{file.value(), observe::Level::Warn}}));
  Repository broken = logging.repository(repository("library/app"));
  push_blob(app, "hello");
  push_manifest(app, "{}", {tag("v1")});
  for (const std::string_view content : {"", "sha256:", "nonsense", "sha256:../../../../etc/passwd"}) {
    CAPTURE(content);
    scratch.write(layer_path("library/app", sha256("hello")), content);
    CHECK(broken.blob_size(sha256("hello")).error().code == ErrorCode::NotFound);
    scratch.write("repositories/library/app/_manifests/tags/v1/current/link", content);
    CHECK(broken.tagged(tag("v1")).error().code == ErrorCode::NotFound);
    CHECK(broken.tags("", 10).value().names.empty());
  }
  std::ifstream log(logs.path() / "error.log");
  std::size_t lines = 0;
  for (std::string line; std::getline(log, line);) ++lines;
  CHECK(lines == 2);
}

TEST_CASE_FIXTURE(Fixture, "a sha512 link of registry:2 leads to the sha256 data that it names") {
  push_blob(app, "hello");
  const Digest asked = digest_of(Algorithm::Sha512, text::bytes_of("hello"));
  scratch.write("repositories/library/app/_layers/sha512/" + std::string(asked.hex()) + "/link", sha256("hello").str());
  CHECK(all_of(*app.open_blob(asked).value()) == "hello");
  Repository other = store.repository(repository("other"));
  REQUIRE(other.mount_blob(asked, app.name()).ok());
  CHECK(all_of(*other.open_blob(asked).value()) == "hello");
}

TEST_CASE_FIXTURE(Fixture, "an upload can be committed under sha512, whatever was hashed on the way") {
  const Digest digest = digest_of(Algorithm::Sha512, text::bytes_of("hello"));
  for (const Algorithm on_the_way : {Algorithm::Sha256, Algorithm::Sha512}) {
    auto upload = app.begin_upload(on_the_way);
    REQUIRE(upload.value().append(text::bytes_of("hello")).ok());
    REQUIRE(upload.value().commit(digest).ok());
    CHECK(all_of(*app.open_blob(digest).value()) == "hello");
  }
  CHECK(scratch.has("blobs/sha512/" + std::string(digest.hex().substr(0, 2)) + '/' + std::string(digest.hex()) +
                    "/data"));
}

TEST_CASE_FIXTURE(Fixture, "a parked upload goes on without reading its bytes again") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  REQUIRE(upload.value().append(text::bytes_of("hel")).ok());
  const UploadId id = upload.value().id();
  REQUIRE(upload.value().park().ok());
  // Were they read again, this would be noticed; who parked trusts that nobody else writes.
  scratch.write("repositories/library/app/_uploads/" + id.str() + "/data", "XXX");
  auto resumed = app.resume_upload(id);
  REQUIRE(resumed.ok());
  CHECK(resumed.value().size() == 3);
  REQUIRE(resumed.value().append(text::bytes_of("lo")).ok());
  CHECK(resumed.value().commit(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "an upload goes on after a restart, and when another process wrote in between") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  REQUIRE(upload.value().append(text::bytes_of("h")).ok());
  const UploadId id = upload.value().id();
  REQUIRE(upload.value().park().ok());

  Store restarted(scratch.driver(), observe::ErrorLog());
  {
    auto resumed = restarted.repository(app.name()).resume_upload(id);
    REQUIRE(resumed.ok());
    REQUIRE(resumed.value().append(text::bytes_of("el")).ok());
    REQUIRE(resumed.value().park().ok());
  }
  CHECK(app.upload_size(id).value() == 3);
  auto resumed = app.resume_upload(id);  // has a parked state of its own, which is out of date
  REQUIRE(resumed.ok());
  CHECK(resumed.value().size() == 3);
  REQUIRE(resumed.value().append(text::bytes_of("lo")).ok());
  CHECK(resumed.value().commit(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "an upload that registry:2 began goes on") {
  const std::string id = "01234567-89ab-4def-8123-456789abcdef";
  const std::string folder = "repositories/library/app/_uploads/" + id;
  scratch.write(folder + "/startedat", "2026-11-21T01:35:04Z");
  scratch.write(folder + "/data", "hel");
  scratch.write(folder + "/hashstates/sha256/0", "sha\x03...");
  auto upload = app.resume_upload(UploadId::parse(id).value());
  REQUIRE(upload.ok());
  REQUIRE(upload.value().append(text::bytes_of("lo")).ok());
  REQUIRE(upload.value().commit(sha256("hello")).ok());
  CHECK_FALSE(scratch.has(folder));
}

TEST_CASE_FIXTURE(Fixture, "an upload goes back to where it was marked") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  REQUIRE(upload.value().append(text::bytes_of("hel")).ok());
  auto mark = upload.value().mark();
  REQUIRE(upload.value().append(text::bytes_of("XXX")).ok());
  REQUIRE(upload.value().rewind(std::move(mark)).ok());
  REQUIRE(upload.value().append(text::bytes_of("lo")).ok());
  CHECK(upload.value().commit(sha256("hello")).ok());
}

TEST_CASE_FIXTURE(Fixture, "an upload belongs to its repository") {
  auto upload = app.begin_upload(Algorithm::Sha256);
  Repository other = store.repository(repository("other"));
  CHECK(other.resume_upload(upload.value().id()).error().code == ErrorCode::NotFound);
  CHECK(other.upload_size(upload.value().id()).error().code == ErrorCode::NotFound);
}

TEST_CASE_FIXTURE(Fixture, "a cancelled upload is gone, and whoever was writing it is told") {
  auto writing = app.begin_upload(Algorithm::Sha256);
  const UploadId id = writing.value().id();
  REQUIRE(app.cancel_upload(id).ok());
  CHECK(app.cancel_upload(id).error().code == ErrorCode::NotFound);
  CHECK(writing.value().append(text::bytes_of("x")).error().code == ErrorCode::Conflict);
  CHECK(app.upload_size(id).error().code == ErrorCode::NotFound);
}

TEST_CASE_FIXTURE(Fixture, "a manifest is stored with registry:2's files, by digest and by tag") {
  push_manifest(app, "{\"a\":1}", {tag("v1"), tag("latest")});
  const Digest digest = sha256("{\"a\":1}");
  const std::string hex(digest.hex());
  const std::string base = "repositories/library/app/_manifests/";
  CHECK(scratch.read(blob_path(digest)) == "{\"a\":1}");
  CHECK(scratch.read(base + "revisions/sha256/" + hex + "/link") == digest.str());
  CHECK(scratch.read(base + "tags/v1/current/link") == digest.str());
  CHECK(scratch.read(base + "tags/latest/index/sha256/" + hex + "/link") == digest.str());
  CHECK(app.tagged(tag("v1")).value() == digest);
  CHECK(app.manifest(digest).value() == "{\"a\":1}");
  CHECK_FALSE(scratch.has(layer_path("library/app", digest)));
}

TEST_CASE_FIXTURE(Fixture, "a manifest whose references are missing is not stored") {
  push_blob(app, "layer");
  push_manifest(app, "child", {});
  const auto put = [&](std::vector<Digest> blobs, std::vector<Digest> manifests) {
    return app.put_manifest(sha256("m"), "m", {std::move(blobs), std::move(manifests)}, {tag("v1")});
  };
  CHECK(put({sha256("layer"), sha256("no"), sha256("no"), sha256("never")}, {sha256("nothing")}).value() ==
        std::vector<Digest>{sha256("no"), sha256("never"), sha256("nothing")});
  CHECK(put({}, {sha256("layer")}).value() == std::vector<Digest>{sha256("layer")});  // a blob is no manifest
  CHECK(app.manifest(sha256("m")).error().code == ErrorCode::NotFound);
  CHECK(app.tagged(tag("v1")).error().code == ErrorCode::NotFound);
  CHECK(put({sha256("layer")}, {sha256("child")}).value().empty());
  CHECK(app.manifest(sha256("m")).ok());
}

TEST_CASE_FIXTURE(Fixture, "a tag moves, and keeps its history as registry:2 does") {
  push_manifest(app, "one", {tag("v1")});
  push_manifest(app, "two", {tag("v1")});
  CHECK(app.tagged(tag("v1")).value() == sha256("two"));
  CHECK(scratch.has("repositories/library/app/_manifests/tags/v1/index/sha256/" + std::string(sha256("one").hex())));
  CHECK(app.manifest(sha256("one")).ok());
}

TEST_CASE_FIXTURE(Fixture, "deleting a manifest takes the tags that point at it, and no others") {
  push_manifest(app, "one", {tag("a"), tag("b")});
  push_manifest(app, "two", {tag("b"), tag("c")});
  REQUIRE(app.delete_manifest(sha256("one")).ok());
  CHECK(app.delete_manifest(sha256("one")).error().code == ErrorCode::NotFound);
  CHECK(app.manifest(sha256("one")).error().code == ErrorCode::NotFound);
  CHECK(app.tags("", 10).value().names == std::vector<std::string>{"b", "c"});
}

TEST_CASE_FIXTURE(Fixture, "deleting a tag keeps the manifest") {
  push_manifest(app, "one", {tag("a")});
  REQUIRE(app.delete_tag(tag("a")).ok());
  CHECK(app.delete_tag(tag("a")).error().code == ErrorCode::NotFound);
  CHECK(app.manifest(sha256("one")).ok());
  CHECK_FALSE(scratch.has("repositories/library/app/_manifests/tags/a"));
}

TEST_CASE_FIXTURE(Fixture, "tags are listed in pages, sorted bytewise") {
  push_manifest(app, "one", {tag("b"), tag("B"), tag("a"), tag("_")});
  CHECK(app.tags("", 10).value().names == std::vector<std::string>{"B", "_", "a", "b"});
  const Page page = app.tags("B", 2).value();
  CHECK(page.names == std::vector<std::string>{"_", "a"});
  CHECK(page.more);
  CHECK_FALSE(app.tags("_", 2).value().more);
  CHECK(app.tags("AA", 1).value().names == std::vector<std::string>{"B"});
  CHECK(app.tags("b", 1).value().names.empty());
  CHECK_FALSE(app.tags("", 0).value().more);
}

TEST_CASE_FIXTURE(Fixture, "a repository is known by its blobs or manifests, not by those below it") {
  CHECK(app.tags("", 10).error().code == ErrorCode::NotFound);
  push_blob(app, "x");
  CHECK(app.tags("", 10).value().names.empty());
  CHECK(store.repository(repository("library")).tags("", 10).error().code == ErrorCode::NotFound);
}

TEST_CASE_FIXTURE(Fixture, "the catalog lists repositories component by component, in pages that join seamlessly") {
  CHECK(store.catalog("", 10).value().names.empty());
  const std::vector<std::string> expected{"a", "a/b", "a/b/c", "a-b", "a.b/x", "b", "library/app"};
  for (const std::string& name : expected) {
    Repository to = store.repository(repository(name));
    push_blob(to, "x");
  }
  (void)store.repository(repository("only-uploads")).begin_upload(Algorithm::Sha256);
  scratch.write("repositories/_trash/_layers/x", "");
  scratch.write("repositories/NotAName/_layers/x", "");
  CHECK(store.catalog("", 100).value().names == expected);
  for (std::size_t size = 1; size <= expected.size() + 1; ++size) {
    std::vector<std::string> joined;
    for (std::string after;;) {
      const Page page = store.catalog(after, size).value();
      joined.insert(joined.end(), page.names.begin(), page.names.end());
      CHECK(page.more == (joined.size() < expected.size()));
      if (!page.more) break;
      after = joined.back();
    }
    CHECK(joined == expected);
  }
  CHECK(store.catalog("a/zz", 2).value().names == std::vector<std::string>{"a-b", "a.b/x"});
  CHECK(store.catalog("a.", 1).value().names == std::vector<std::string>{"a.b/x"});
}

TEST_CASE("who deletes an image's tags and who moves one of them do not lose the moved one") {
  const Scratch scratch;
  Store store(scratch.driver(), observe::ErrorLog());
  Store other(scratch.driver(), observe::ErrorLog());  // as in another process
  Repository app = store.repository(repository("app"));
  for (int round = 0; round < 30; ++round) {
    std::vector<Tag> tags;
    for (int i = 0; i < 20; ++i) tags.push_back(tag("v" + std::to_string(i)));
    REQUIRE(app.put_manifest(sha256("old"), "old", {}, tags).ok());
    auto moved = std::async(std::launch::async, [&] {
      return other.repository(repository("app")).put_manifest(sha256("new"), "new", {}, {tags.back()});
    });
    if (round % 2 == 0) {
      CHECK(app.delete_manifest(sha256("old")).ok());
    } else {
      (void)app.delete_tag(tags.back());
    }
    REQUIRE(moved.get().ok());
    const auto target = app.tagged(tags.back());
    // The deletion of the tag itself may have come last; an image's deletion never takes a tag of another along.
    if (round % 2 == 0) CHECK(target.ok());
    if (target.ok()) CHECK(target.value() == sha256("new"));
    if (target.ok()) CHECK(app.manifest(target.value()).ok());
    (void)app.delete_manifest(sha256("old"));
  }
}
