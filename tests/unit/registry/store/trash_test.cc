#include <doctest/doctest.h>

#include "registry/store/repositories.h"
#include "registry/store/trash.h"
#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;
using namespace std::chrono_literals;

namespace {

struct Fixture : Stored {
  Repository app = store.repository(repository("app"));
  const Digest digest = push_blob(app, "hello");

  TrashName throw_away(const Key& place, Time when = Time::clock::now()) {
    TrashName name = TrashName::generate(when);
    REQUIRE(store.driver().move(place, Layout::in_trash(name, place)).ok());
    return name;
  }
};

}  // namespace

TEST_CASE("the name of trash is its time, and sorts by it") {
  const Time now = Time::clock::now();
  const TrashName name = TrashName::generate(now);
  CHECK(now - name.time() < 1s);
  CHECK(TrashName::parse(name.str()).value() == name);
  CHECK(TrashName::generate(now - 2s).str() < name.str());
  for (const char* const bad :
       {"", "..", "20261121T101500Z", "20261321T101500Z-01234567", "20261121T101500Z-0123456X"}) {
    CAPTURE(bad);
    CHECK_FALSE(TrashName::parse(bad).ok());
  }
}

TEST_CASE_FIXTURE(Fixture, "a blob in the trash comes back for whoever follows a link to it") {
  throw_away(Layout::blob(digest));
  SUBCASE("its size") { CHECK(app.blob_size(digest).value() == 5); }
  SUBCASE("its bytes") { CHECK(app.open_blob(digest).value()->size() == 5); }
  SUBCASE("a mount") { CHECK(store.repository(repository("other")).mount_blob(digest, app.name()).ok()); }
  SUBCASE("a manifest") { CHECK(app.put_manifest(sha256("{}"), "{}", {{digest}, {}}, {}).value().empty()); }
  SUBCASE("a second upload") { push_blob(app, "hello"); }
  CHECK(scratch.read("blobs/sha256/" + std::string(digest.hex()).substr(0, 2) + '/' + std::string(digest.hex()) +
                     "/data") == "hello");
  CHECK(store.driver().changed(Layout::blob_data(digest)).value() > Time::clock::now() - 1min);
}

TEST_CASE_FIXTURE(Fixture, "a manifest in the trash comes back for whoever follows a link to it") {
  const Digest manifest = sha256("{}");
  REQUIRE(app.put_manifest(manifest, "{}", {}, {}).ok());
  throw_away(Layout::blob(manifest));
  SUBCASE("served") { CHECK(app.manifest(manifest).value() == "{}"); }
  SUBCASE("looked at") { CHECK(app.peek_manifest(manifest).value() == "{}"); }
  SUBCASE("listed by an index") { CHECK(app.put_manifest(sha256("{ }"), "{ }", {{}, {manifest}}, {}).value().empty()); }
  CHECK(app.manifest(manifest).ok());
}

TEST_CASE_FIXTURE(Fixture, "without a link a blob in the trash is not there, but a manifest brings both back") {
  throw_away(Layout::layer(app.name(), digest));
  throw_away(Layout::blob(digest));
  CHECK(app.blob_size(digest).error().code == ErrorCode::NotFound);
  CHECK(store.repository(repository("b")).mount_blob(digest, app.name()).error().code == ErrorCode::NotFound);
  CHECK(app.put_manifest(sha256("{}"), "{}", {{digest}, {}}, {}).value().empty());
  CHECK(app.blob_size(digest).value() == 5);
}

TEST_CASE_FIXTURE(Fixture, "another repository's link in the trash gives nothing away") {
  throw_away(Layout::layer(app.name(), digest));
  throw_away(Layout::blob(digest));
  auto missing = store.repository(repository("b")).put_manifest(sha256("{}"), "{}", {{digest}, {}}, {});
  CHECK(missing.value() == std::vector{digest});
}

TEST_CASE_FIXTURE(Fixture, "emptying takes what is old enough, and nothing else") {
  throw_away(Layout::layer(app.name(), digest), Time::clock::now() - 25h);
  const TrashName young = throw_away(Layout::blob(digest));
  CHECK(empty_trash(store.driver(), Time::clock::now() - 24h).value() == 1);
  CHECK(trash_names(store.driver()).value() == std::vector{young});
  CHECK(empty_trash(store.driver(), Time::clock::now() - 24h).value() == 0);
}

TEST_CASE_FIXTURE(Fixture, "the walk finds every repository, also below others and without layers") {
  scratch.write("repositories/app/_uploads/x", "");
  scratch.write("repositories/app/inner/_manifests/x", "");
  scratch.write("repositories/Odd/_layers/x", "");
  scratch.write("repositories/only/a/folder", "");
  std::vector<std::string> found;
  const auto note = [&](const RepositoryName& name) {
    found.push_back(name.str());
    return Result<void>();
  };
  CHECK(each_repository(store.driver(), note).ok());
  CHECK(found == std::vector<std::string>{"app", "app/inner"});
}

TEST_CASE_FIXTURE(Fixture, "collection learns how old leases may become, of those who serve now") {
  CHECK(store.oldest_lease().value() == 0ms);
  Store slow(scratch.driver(), observe::ErrorLog(), 2h);
  slow.announce_leases();
  {
    Store slower(scratch.driver(), observe::ErrorLog(), 3h);
    slower.announce_leases();
    CHECK(store.oldest_lease().value() == 3h);
  }
  CHECK(store.oldest_lease().value() == 2h);
}

TEST_CASE_FIXTURE(Fixture, "a lease is renewed as soon as it is as old as this process lets it become") {
  Store quick(scratch.driver(), observe::ErrorLog(), 500ms);
  const std::filesystem::path data = scratch.path() / Layout::blob_data(digest).path();
  const auto old = std::filesystem::last_write_time(data) - 1s;
  std::filesystem::last_write_time(data, old);
  CHECK(quick.repository(app.name()).blob_size(digest).ok());
  CHECK(std::filesystem::last_write_time(data) > old);
}
