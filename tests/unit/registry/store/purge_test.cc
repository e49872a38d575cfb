#include <doctest/doctest.h>

#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;
using namespace std::chrono_literals;

namespace {

struct Fixture : Stored {
  // An upload that began that long ago, as `startedat` tells.
  UploadId begun(const char* name, const std::string& started = "2020-01-01T00:00:00Z") {
    auto upload = store.repository(repository(name)).begin_upload(Algorithm::Sha256);
    REQUIRE(upload.ok());
    scratch.write(folder(name, upload.value().id()) + "/startedat", started);
    return upload.value().id();
  }
  static std::string folder(std::string_view name, const UploadId& id) {
    return "repositories/" + std::string(name) + "/_uploads/" + id.str();
  }
  std::size_t purge(bool dry_run = false) {
    auto purged = store.purge_uploads(std::chrono::system_clock::now() - 168h, dry_run, {});
    REQUIRE(purged.ok());
    return purged.value();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "uploads that began too long ago are purged, in every repository, younger ones stay") {
  const UploadId old = begun("a");
  const UploadId below = begun("a/b/c");
  const UploadId young = store.repository(repository("a")).begin_upload(Algorithm::Sha256).value().id();
  CHECK(purge(true) == 2);
  CHECK(scratch.has(folder("a", old)));
  CHECK(purge() == 2);
  CHECK_FALSE(scratch.has(folder("a", old)));
  CHECK_FALSE(scratch.has(folder("a/b/c", below)));
  CHECK(scratch.has(folder("a", young)));
  CHECK(purge() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an upload that somebody has open is never purged") {
  const UploadId id = begun("a");
  {
    Store other(scratch.driver(), observe::ErrorLog());
    auto open = other.repository(repository("a")).resume_upload(id);
    REQUIRE(open.ok());
    CHECK(purge() == 0);
    CHECK(open.value().append(text::bytes_of("hello")).ok());
    CHECK(open.value().park().ok());
  }
  CHECK(purge() == 1);
}

TEST_CASE_FIXTURE(Fixture, "without a readable start the age is the folder's own") {
  const UploadId id = begun("a", "yesterday");
  CHECK(purge() == 0);
  const std::filesystem::path path = scratch.v2(folder("a", id));
  std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) - 200h);
  CHECK(purge() == 1);
}

TEST_CASE_FIXTURE(Fixture, "purging touches nothing but uploads, and an empty store has none") {
  CHECK(purge() == 0);
  scratch.write("repositories/a/_uploads/not-an-id/data", "x");
  scratch.write("repositories/a/_layers/x", "x");
  CHECK(purge() == 0);
  CHECK(scratch.has("repositories/a/_uploads/not-an-id/data"));
}

TEST_CASE_FIXTURE(Fixture, "what a crash left of an upload without data is purged too") {
  const UploadId id = begun("a");
  std::filesystem::remove(scratch.v2(folder("a", id) + "/data"));
  CHECK(purge() == 1);
  CHECK_FALSE(scratch.has(folder("a", id)));
}
