// What collection, whichever process runs it, is told: which content somebody relies on, and when it must wait.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <future>

#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

struct Fixture : Stored {
  Repository app = store.repository(repository("app"));
  const Digest digest = sha256("hello");
  const std::filesystem::path data = scratch.path() / Layout::blob_data(digest).path();

  Fixture() { push_blob(app, "hello"); }
  void make_old(const std::filesystem::path& path) const {
    std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) - std::chrono::hours(2));
  }
  bool is_leased(const std::filesystem::path& path) const {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return std::time(nullptr) - status.st_mtime < 15 * 60;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "every answer that says \"exists\" renews the blob's lease") {
  CHECK(is_leased(data));
  make_old(data);
  REQUIRE_FALSE(is_leased(data));
  SUBCASE("its size") { CHECK(app.blob_size(digest).ok()); }
  SUBCASE("a mount") { CHECK(store.repository(repository("other")).mount_blob(digest, app.name()).ok()); }
  SUBCASE("a second upload") { CHECK(upload_of(app, "hello").commit(digest).ok()); }
  SUBCASE("a manifest that refers to it") {
    CHECK(app.put_manifest(sha256("{}"), "{}", {{digest}, {}}, {}).value().empty());
  }
  CHECK(is_leased(data));
}

TEST_CASE_FIXTURE(Fixture, "a lease that is still young is left alone: looking writes nothing") {
  const auto before = std::filesystem::last_write_time(data) - std::chrono::minutes(10);
  std::filesystem::last_write_time(data, before);
  CHECK(app.blob_size(digest).ok());
  CHECK(std::filesystem::last_write_time(data) == before);
}

TEST_CASE_FIXTURE(Fixture, "an upload's lease begins when it becomes a blob, however long ago its bytes came") {
  auto begun = app.begin_upload(Algorithm::Sha256);
  REQUIRE(begun.value().append(text::bytes_of("other")).ok());
  make_old(scratch.path() / Layout::upload_data(app.name(), begun.value().id()).path());
  REQUIRE(begun.value().commit(sha256("other")).ok());
  CHECK(is_leased(scratch.path() / Layout::blob_data(sha256("other")).path()));
}

TEST_CASE_FIXTURE(Fixture, "serving a manifest renews its lease, looking through all of them does not") {
  REQUIRE(app.put_manifest(sha256("{}"), "{}", {}, {}).ok());
  const std::filesystem::path manifest = scratch.path() / Layout::blob_data(sha256("{}")).path();
  make_old(manifest);
  CHECK(app.peek_manifest(sha256("{}")).ok());
  CHECK_FALSE(is_leased(manifest));
  CHECK(app.manifest(sha256("{}")).ok());
  CHECK(is_leased(manifest));
}

TEST_CASE_FIXTURE(Fixture, "a manifest waits for collection to let go, and looks at its blobs after that") {
  auto collection = store.driver().hold(Layout::content_lock(), Sharing::Alone);
  REQUIRE(collection.ok());
  auto put = std::async(std::launch::async, [&] {
    return app.put_manifest(sha256("{}"), "{}", {{digest}, {}}, {tag("v1")});
  });
  CHECK(put.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  std::filesystem::remove(data);  // what collection does meanwhile
  collection.value().reset();
  const auto missing = put.get();
  REQUIRE(missing.ok());
  CHECK(missing.value() == std::vector{digest});
  CHECK(app.tagged(tag("v1")).error().code == ErrorCode::NotFound);
}
