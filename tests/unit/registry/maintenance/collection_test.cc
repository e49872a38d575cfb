// What collection takes and what it keeps, rule by rule; with the flaws of registry:2's own (registry contract, section
// 11.2).
#include <doctest/doctest.h>

#include <future>

#include "registry/store/trash.h"
#include "unit/registry/maintenance/yard.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::maintenance;

TEST_CASE_FIXTURE(Yard, "what no manifest refers to goes, with its links; the rest stays") {
  const Digest kept = push_image("app", "kept", {"v1"});
  const Digest lost = blob("app", "nobody's");
  REQUIRE(store.repository(repository("other")).mount_blob(lost, repository("app")).ok());
  age();
  const CollectionSummary done = collect();
  CHECK(done.removed_blobs == 1);
  CHECK(done.removed_bytes == 8);
  CHECK(done.removed_links == 2);
  CHECK_FALSE(stored(lost));
  CHECK_FALSE(linked("app", lost));
  CHECK_FALSE(linked("other", lost));
  CHECK(whole("app", kept, "kept"));
  CHECK(store.repository(repository("app")).blob_size(lost).error().code == ErrorCode::NotFound);
  CHECK(collect().removed_blobs == 0);
}

TEST_CASE_FIXTURE(Yard, "a blob that was uploaded and is not referred to yet stays for the grace period") {
  const Digest fresh = blob("app", "fresh");
  CHECK(collect().removed_blobs == 0);
  CHECK(stored(fresh));
  CHECK(lines.back() == "0 blobs marked, 0 blobs and 0 manifests eligible for deletion");
  age();
  CHECK(store.repository(repository("app")).blob_size(fresh).ok());  // somebody was told that it is there
  CHECK(collect().removed_blobs == 0);
  CHECK(stored(fresh));
}

TEST_CASE_FIXTURE(Yard, "a push that takes longer than the grace period keeps what it has pushed so far") {
  auto under_way = store.repository(repository("app")).begin_upload(store::Algorithm::Sha256);
  REQUIRE(under_way.ok());
  const Digest layer = blob("app", "the first layer");
  const Digest before = blob("app", "long before");
  age(3h);
  std::filesystem::last_write_time(
      scratch.path() / store::Layout::upload_data(repository("app"), under_way.value().id()).path(),
      std::filesystem::file_time_type::clock::now());
  scratch.write("repositories/app/_uploads/" + under_way.value().id().str() + "/startedat",
                "2020-01-01T00:00:00Z");  // the upload began before the layer was linked
  CHECK(collect().removed_blobs == 0);
  CHECK(stored(layer));
  // One that nobody writes to any more keeps nothing.
  age(3h);
  CHECK(collect().removed_blobs == 2);
  CHECK_FALSE(stored(before));
}

TEST_CASE_FIXTURE(Yard, "untagged manifests stay unless they are asked for") {
  const Digest untagged = push_image("app", "untagged");
  age();
  CHECK(collect().removed_manifests == 0);
  CHECK(whole("app", untagged, "untagged"));
  rules.delete_untagged = true;
  const CollectionSummary done = collect();
  CHECK(done.removed_manifests == 1);
  CHECK(done.removed_blobs == 3);
  CHECK_FALSE(stored(untagged));
  CHECK_FALSE(store.repository(repository("app")).lists_manifest(untagged).value());
}

TEST_CASE_FIXTURE(Yard, "a tagged index keeps the images of all platforms, however deep") {
  rules.delete_untagged = true;
  const Digest amd64 = push_image("app", "amd64");
  const Digest arm64 = push_image("app", "arm64");
  const Digest inner = push("app", index_of({amd64, arm64}));
  push("app", index_of({inner}), {"latest"});
  age();
  CHECK(collect().removed_blobs == 0);
  CHECK(whole("app", amd64, "amd64"));
  CHECK(whole("app", arm64, "arm64"));
}

TEST_CASE_FIXTURE(Yard, "what refers to something kept is kept, also what refers to that; the others go") {
  rules.delete_untagged = true;
  const Digest image = push_image("app", "image", {"v1"});
  const Digest signature = push_image("app", "signature", {}, &image);
  const Digest of_signature = push_image("app", "of the signature", {}, &signature);
  const Digest absent = sha256("never pushed");
  const Digest orphan = push_image("app", "orphan", {}, &absent);
  age();
  CHECK(collect().removed_manifests == 1);
  CHECK(whole("app", signature, "signature"));
  CHECK(whole("app", of_signature, "of the signature"));
  CHECK_FALSE(stored(orphan));
  REQUIRE(store.repository(repository("app")).delete_tag(tag("v1")).ok());
  CHECK(collect().removed_manifests == 3);
  CHECK_FALSE(stored(of_signature));
}

TEST_CASE_FIXTURE(Yard, "an untagged manifest that was pushed or asked for within the grace period stays, with all") {
  rules.delete_untagged = true;
  const Digest asked_for = push_image("app", "asked for");
  const Digest child = push_image("app", "child");
  age();
  const Digest parent = push("app", index_of({child}));  // which comes before its tag
  CHECK(store.repository(repository("app")).manifest(asked_for).ok());
  const auto long_ago = std::filesystem::file_time_type::clock::now() - 10h;
  for (const char* const seed : {"asked for", "child"}) {
    for (const char* const part : {"layer of ", "config of "}) {
      std::filesystem::last_write_time(data(sha256(std::string(part) + seed)), long_ago);
    }
  }
  CHECK(collect().removed_manifests == 0);
  CHECK(lines.back() == "7 blobs marked, 0 blobs and 0 manifests eligible for deletion");
  CHECK(whole("app", asked_for, "asked for"));
  CHECK(whole("app", child, "child"));
  CHECK(stored(parent));
}

TEST_CASE_FIXTURE(Yard, "one repository's manifest keeps what another one's does not") {
  push_image("a", "shared", {"v1"});
  push_image("b", "shared");
  age();
  rules.delete_untagged = true;
  CHECK(collect().removed_manifests == 1);
  CHECK(whole("a", store.repository(repository("a")).tagged(tag("v1")).value(), "shared"));
}

TEST_CASE_FIXTURE(Yard, "entries in the histories of tags go with the manifest") {
  rules.delete_untagged = true;
  const Digest before = push_image("app", "before", {"latest"});
  push_image("app", "after", {"latest"});
  age();
  const auto entry = scratch.path() / store::Layout::tag_index(repository("app"), tag("latest"), before).path();
  REQUIRE(std::filesystem::exists(entry));
  CHECK(collect().removed_manifests == 1);
  CHECK_FALSE(std::filesystem::exists(entry));
}

TEST_CASE_FIXTURE(Yard, "empty links and links to nothing end nothing, and lose nothing") {
  const Digest kept = push_image("app", "kept", {"v1"});
  const Digest broken = push_image("app", "broken");
  const Digest dangling = push_image("app", "dangling");
  age();
  std::filesystem::remove(data(dangling));
  const auto link = scratch.path() / store::Layout::revision_link(repository("app"), broken).path();
  std::filesystem::resize_file(link, 0);
  age();
  scratch.write("repositories/app/_manifests/tags/empty/current/link", "");
  scratch.write("repositories/app/_layers/sha256/" + std::string(64, '0') + "/link", "");
  scratch.write("repositories/app/_manifests/revisions/sha256/" + std::string(64, '1') + "/odd", "");
  scratch.write("repositories/app/_manifests/tags/not-a-tag!/current/link", "x");
  collect();
  CHECK(whole("app", kept, "kept"));
  CHECK(stored(sha256("layer of broken")));  // somebody may mend the link
}

TEST_CASE_FIXTURE(Yard, "a manifest that cannot be read keeps all that its repository has, and says so") {
  rules.delete_untagged = true;
  const Digest image = push_image("app", "image", {"v1"});
  const Digest lost = blob("app", "may belong to it");
  const Digest elsewhere = blob("other", "of another repository");
  SUBCASE("it is damaged, and names other things than it did") {
    std::string bytes = store.repository(repository("app")).manifest(image).value();
    const std::size_t at = bytes.find(sha256("layer of image").hex());
    bytes[at] = bytes[at] == '0' ? '1' : '0';
    scratch.write(data(image).string().substr(scratch.v2("").string().size()), bytes);
  }
  SUBCASE("it is no JSON") { scratch.write(data(image).string().substr(scratch.v2("").string().size()), "no JSON"); }
  SUBCASE("it is too large") {
    scratch.write(data(image).string().substr(scratch.v2("").string().size()), std::string(5U << 20, ' '));
  }
  SUBCASE("it is a folder") {
    std::filesystem::remove(data(image));
    std::filesystem::create_directory(data(image));
  }
  age();
  const CollectionSummary done = collect();
  CHECK(done.incomplete == 1);
  CHECK(stored(sha256("layer of image")));
  CHECK(stored(lost));
  CHECK_FALSE(stored(elsewhere));
}

TEST_CASE_FIXTURE(Yard, "when no manifest is there at all nothing goes: a disk may not be mounted") {
  push_image("app", "image", {"v1"});
  const Digest lost = blob("app", "nobody's");
  age();
  std::filesystem::rename(scratch.v2("blobs"), scratch.v2("elsewhere"));
  CHECK(try_collect().error().code == ErrorCode::Io);
  CHECK(linked("app", lost));
}

TEST_CASE_FIXTURE(Yard, "links that lead nowhere go, unless a manifest names what they led to") {
  push_image("app", "image", {"v1"});
  const Digest dead = blob("app", "dead");
  age();
  std::filesystem::remove_all(data(dead).parent_path());
  std::filesystem::remove_all(data(sha256("layer of image")).parent_path());
  CHECK(collect().removed_links == 1);
  CHECK_FALSE(linked("app", dead));
  CHECK(linked("app", sha256("layer of image")));
}

TEST_CASE_FIXTURE(Yard, "a dry run says what would go, and writes nothing") {
  rules.dry_run = true;
  rules.delete_untagged = true;
  const Digest untagged = push_image("app", "untagged");
  age();
  const auto before = std::filesystem::last_write_time(scratch.v2(""));
  const CollectionSummary done = collect();
  CHECK(done.removed_blobs == 3);
  CHECK(done.removed_manifests == 1);
  CHECK(whole("app", untagged, "untagged"));
  CHECK(std::filesystem::last_write_time(scratch.v2("")) == before);
  CHECK(lines == std::vector<std::string>{"app", "manifest eligible for deletion: " + untagged.str(), "",
                                          "0 blobs marked, 3 blobs and 1 manifests eligible for deletion", lines[4],
                                          lines[5], lines[6]});
}

TEST_CASE_FIXTURE(Yard, "the lines are registry:2's") {
  const Image one = image("app", "one");
  const Digest digest = push("app", one, {"v1"});
  age();
  collect();
  CHECK(lines == std::vector<std::string>{"app", "app: marking manifest " + digest.str() + ' ',
                                          "app: marking blob " + sha256("config of one").str(),
                                          "app: marking blob " + sha256("layer of one").str(), "",
                                          "3 blobs marked, 0 blobs and 0 manifests eligible for deletion"});
}

TEST_CASE_FIXTURE(Yard, "only one process collects at a time") {
  blob("app", "x");
  auto other = store.driver().try_hold(store::Layout::collection_lock());
  REQUIRE(other.ok());
  CHECK(try_collect().error().code == ErrorCode::Conflict);
  rules.dry_run = true;
  CHECK(try_collect().ok());
}

TEST_CASE_FIXTURE(Yard, "the grace period is never shorter than what those who serve need") {
  store::Store serving(scratch.driver(), observe::ErrorLog(), 15min);
  serving.announce_leases();
  rules.grace = 1min;
  const Digest told = blob("app", "told");
  std::filesystem::last_write_time(data(told), std::filesystem::last_write_time(data(told)) - 14min);
  CHECK(collect().removed_blobs == 0);
}

TEST_CASE_FIXTURE(Yard, "the trash keeps what went for a while, and loses it then") {
  const Digest lost = blob("app", "nobody's");
  age();
  REQUIRE(collect().removed_blobs == 1);
  REQUIRE(store::trash_names(store.driver()).value().size() == 1);
  CHECK(collect().emptied == 0);
  const store::TrashName now = store::trash_names(store.driver()).value().front();
  const store::TrashName old = store::TrashName::generate(now.time() - 25h);
  REQUIRE(store.driver().move(store::Layout::trash(now), store::Layout::trash(old)).ok());
  CHECK(collect().emptied == 1);
  CHECK(store::trash_names(store.driver()).value().empty());
  CHECK_FALSE(stored(lost));
}

TEST_CASE_FIXTURE(Yard, "a cache of another process knows at once what went") {
  const Digest lost = blob("app", "nobody's");
  rules.delete_untagged = true;
  const Digest image = push_image("app", "image", {"v1"});
  const store::Repository app = store.repository(repository("app"));
  age();
  CHECK(app.tags("", 10).value().names == std::vector<std::string>{"v1"});
  CHECK(app.revisions().value().sha256->size() == 1);
  store::Store quick(scratch.driver(), observe::ErrorLog(), 24h);  // whose answers renew nothing
  CHECK(quick.repository(repository("app")).blob_size(lost).ok());
  REQUIRE(store.repository(repository("app")).delete_tag(tag("v1")).ok());
  collect();
  CHECK(quick.repository(repository("app")).blob_size(lost).error().code == ErrorCode::NotFound);
  CHECK(app.manifest(image).error().code == ErrorCode::NotFound);
  CHECK(app.revisions().value().sha256->empty());
}

TEST_CASE_FIXTURE(Yard, "content without any repository is garbage") {
  const Digest lost = sha256("alone");
  REQUIRE(store.driver().put(store::Layout::blob_data(lost), "alone").ok());
  age(2h, "blobs");
  CHECK(collect().removed_blobs == 1);
  CHECK_FALSE(stored(lost));
}

TEST_CASE_FIXTURE(Yard, "sha512 content is kept by those who name it so, also where registry:2 put it") {
  const std::string content = "wide";
  const Digest wide = digest_of(store::Algorithm::Sha512, text::bytes_of(content));
  blob("app", content);
  REQUIRE(store.write_link(store::Layout::layer_link(repository("app"), wide), sha256(content)).ok());
  const Digest config = blob("app", "config");
  const Image image{R"({"schemaVersion":2,"config":)" + described(config) + R"(,"layers":[)" + described(wide) + "]}",
                    sha256(""),
                    {{config, wide}, {}}};
  push("app", image, {"v1"});
  age();
  CHECK(collect().removed_blobs == 0);
  REQUIRE(store.repository(repository("app")).delete_manifest(sha256(image.bytes)).ok());
  age();
  CHECK(collect().removed_blobs == 3);
  CHECK_FALSE(linked("app", wide));
}

TEST_CASE_FIXTURE(Yard, "while somebody puts a manifest nothing goes") {
  const Digest lost = blob("app", "nobody's");
  age();
  auto putting = store.driver().hold(store::Layout::content_lock(), store::Sharing::Shared);
  REQUIRE(putting.ok());
  auto collection = std::async(std::launch::async, [this] { return try_collect(); });
  CHECK(collection.wait_for(50ms) == std::future_status::timeout);
  REQUIRE(store.repository(repository("app")).blob_size(lost).ok());
  putting.value().reset();
  CHECK(collection.get().value().removed_blobs == 0);
  CHECK(stored(lost));
}

TEST_CASE_FIXTURE(Yard, "told to stop, it stops, and loses nothing") {
  blob("app", "nobody's");
  age();
  std::stop_source stop;
  stop.request_stop();
  auto done = maintenance::collect(store, rules, Report(), observe::ErrorLog(), stop.get_token());
  REQUIRE(done.ok());
  CHECK(done.value().stopped);
  CHECK(done.value().removed_blobs == 0);
}
