#include "registry/maintenance/restore.h"

#include <doctest/doctest.h>

#include "registry/maintenance/trash_tour.h"
#include "registry/store/trash.h"
#include "unit/registry/maintenance/yard.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::maintenance;

namespace {

struct Bringing : Yard {
  Bringing() { rules.delete_untagged = true; }
  Restored bring_back(const std::string& what) {
    auto wanted = parse_wanted(what);
    REQUIRE(wanted.ok());
    auto done = restore(store, wanted.value());
    if (!done.ok()) FAIL(done.error().what);
    return done.value();
  }
  std::vector<std::string> thrown() {
    std::vector<std::string> all;
    const auto times = store::trash_names(store.driver());
    for (const store::TrashName& time : times.value()) {
      CHECK(each_thrown(store.driver(), time, [&](const Thrown& one) {
              all.push_back(one.str());
              return Result<void>();
            }).ok());
    }
    return all;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Bringing, "all that went comes back, and the next collection leaves it alone") {
  const Digest amd64 = push_image("guide/app", "amd64");
  const Digest index = push("guide/app", index_of({amd64}), {"latest"});
  const Digest signature = push_image("guide/app", "signature", {}, &index);
  push_image("guide/app", "newer", {"latest"});
  age();
  CHECK(collect().removed_manifests == 3);
  CHECK(thrown().size() == 15);  // 7 blobs, 4 links, 3 manifests, 1 entry of the history
  SUBCASE("everything") { bring_back("all"); }
  SUBCASE("by its time") { bring_back(store::trash_names(store.driver()).value().front().str()); }
  SUBCASE("by its repository") { bring_back("guide/app"); }
  SUBCASE("by the digest of an image, with what refers to it") { bring_back(index.str()); }
  CHECK(whole("guide/app", amd64, "amd64"));
  CHECK(whole("guide/app", signature, "signature"));
  CHECK(store.repository(repository("guide/app")).peek_manifest(index).ok());
  CHECK(collect().removed_manifests == 0);
  CHECK(whole("guide/app", amd64, "amd64"));
}

TEST_CASE_FIXTURE(Bringing, "one thing comes back, and leaves the others in the trash") {
  const Digest one = push_image("app", "one");
  const Digest other = push_image("app", "other");
  const Digest lost = blob("b", "a blob alone");
  age();
  collect();
  SUBCASE("an image") {
    bring_back(one.str());
    CHECK(whole("app", one, "one"));
    CHECK_FALSE(stored(other));
    CHECK_FALSE(stored(lost));
  }
  SUBCASE("a blob") {
    bring_back(lost.str());
    CHECK(stored(lost));
    CHECK(linked("b", lost));
    CHECK_FALSE(stored(one));
  }
  SUBCASE("a repository") {
    bring_back("b");
    CHECK(stored(lost));
    CHECK(linked("b", lost));
    CHECK_FALSE(stored(one));
  }
}

TEST_CASE_FIXTURE(Bringing, "a tag that retention took comes back with its image") {
  const Digest one = push_image("app", "one", {"v1"});
  const Digest signature = push_image("app", "signature", {}, &one);
  age();
  push_image("app", "two", {"v2"});
  rules.retention.push_back({[](const std::string&) { return true; }, 1});
  CHECK(collect().removed_tags == 1);
  CHECK_FALSE(stored(one));
  CHECK(bring_back("app:v1").things > 0);
  CHECK(store.repository(repository("app")).tagged(tag("v1")).value() == one);
  CHECK(whole("app", one, "one"));
  CHECK(whole("app", signature, "signature"));
}

TEST_CASE_FIXTURE(Bringing, "what was pushed anew is not overwritten") {
  push_image("app", "one", {"v1"});
  age();
  rules.retention.push_back({[](const std::string&) { return true; }, 0});
  CHECK(collect().removed_tags == 1);
  const Digest anew = push_image("app", "anew", {"v1"});
  CHECK(bring_back("all").in_the_way == 1);
  CHECK(store.repository(repository("app")).tagged(tag("v1")).value() == anew);
  CHECK(whole("app", anew, "anew"));
}

TEST_CASE("what can be brought back is named as people write it") {
  CHECK(std::holds_alternative<Everything>(parse_wanted("all").value()));
  CHECK(std::holds_alternative<store::RepositoryName>(parse_wanted("guide/app").value()));
  CHECK(std::get<TaggedImage>(parse_wanted("guide/app:v1").value()).tag.str() == "v1");
  CHECK(std::holds_alternative<Digest>(parse_wanted(sha256("x").str()).value()));
  CHECK(std::holds_alternative<store::TrashName>(parse_wanted("20261121T101500Z-1f00ba5e").value()));
  CHECK_FALSE(parse_wanted("../x").ok());
  CHECK_FALSE(parse_wanted("app:-").ok());
}
