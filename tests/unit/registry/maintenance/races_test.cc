// Collection beside others: what somebody is told at the worst moment holds, and so it does when the process ends
// there.
#include <doctest/doctest.h>

#include "unit/registry/maintenance/hooked_driver.h"
#include "unit/registry/maintenance/yard.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::maintenance;

namespace {

struct Killed {};

struct Race : Yard {
  bool full = false;  // there is no room for the trash

  // Collects, and calls the hook before each move, with what moves and how many moved before.
  Result<CollectionSummary> collect_with(const std::function<void(const std::string& path, int number)>& hook) {
    int number = 0;
    const auto before_move = [&](const store::Key& from, const store::Key& to) -> Result<void> {
      hook(from.path(), number++);
      if (full && to.path().find("/_trash/") != std::string::npos) return Error{ErrorCode::NoSpace, "the disk is full"};
      return {};
    };
    store::Store other(std::make_unique<store::HookedDriver>(scratch.driver(), before_move), observe::ErrorLog());
    return maintenance::collect(other, rules, Report(), observe::ErrorLog(), {});
  }
};

bool is_in(const std::string& path, std::string_view part) { return path.find(part) != std::string::npos; }

}  // namespace

TEST_CASE_FIXTURE(Race, "a blob that somebody finds while it goes comes back with its links") {
  const Digest lost = blob("app", "nobody's");
  REQUIRE(store.repository(repository("other")).mount_blob(lost, repository("app")).ok());
  age();
  bool asked = false;
  auto done = collect_with([&](const std::string& path, int) {
    if (asked || !is_in(path, "/other/_layers/")) return;
    asked = true;
    // Whoever found the first link before it went asks for the blob now.
    CHECK(store.driver().renew_lease(store::Layout::blob_data(lost), 0ms).ok());
  });
  REQUIRE(asked);
  CHECK(done.value().removed_blobs == 0);
  CHECK(linked("app", lost));
  CHECK(linked("other", lost));
  CHECK(store.repository(repository("app")).blob_size(lost).ok());
}

TEST_CASE_FIXTURE(Race, "what a full disk has no trash for is removed for good, which makes room") {
  rules.delete_untagged = true;
  full = true;
  const Digest kept = push_image("app", "kept", {"latest"});
  const Digest gone = push_image("app", "gone");
  age();
  auto done = collect_with([](const std::string&, int) {});
  REQUIRE(done.ok());
  CHECK(done.value().removed_manifests == 1);
  CHECK(done.value().removed_blobs == 3);
  CHECK(done.value().gone_for_good > 3);
  CHECK(done.value().line(false).find("for good, as the disk was full") != std::string::npos);
  CHECK_FALSE(stored(gone));
  CHECK_FALSE(linked("app", sha256("layer of gone")));
  CHECK(whole("app", kept, "kept"));
  for (const auto& entry : std::filesystem::directory_iterator(scratch.v2(""))) {
    CHECK(entry.path().filename().string().find("aside") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Race, "on a full disk, too, a blob that somebody finds while it goes comes back") {
  full = true;
  const Digest lost = blob("app", "nobody's");
  age();
  int moves = 0;
  auto done = collect_with([&](const std::string& path, int) {
    if (!is_in(path, "/blobs/") || moves++ > 0) return;
    CHECK(store.driver().renew_lease(store::Layout::blob_data(lost), 0ms).ok());
  });
  REQUIRE(moves > 0);
  CHECK(done.value().removed_blobs == 0);
  CHECK(linked("app", lost));
  CHECK(stored(lost));
}

TEST_CASE_FIXTURE(Race, "what a collection on a full disk left aside when it was killed is removed by the next one") {
  std::filesystem::create_directories(scratch.v2("_aside-1/x"));
  collect();
  CHECK_FALSE(std::filesystem::exists(scratch.v2("_aside-1")));
}

TEST_CASE_FIXTURE(Race, "a blob that somebody asked for since it was found to be garbage is not moved at all") {
  const Digest first = blob("app", "first");
  const Digest second = blob("app", "second");
  age();
  std::string moved;
  REQUIRE(collect_with([&](const std::string& path, int number) {
            moved += path + '\n';
            const Digest& other = is_in(path, first.hex()) ? second : first;
            if (number == 0) CHECK(store.driver().renew_lease(store::Layout::blob_data(other), 0ms).ok());
          }).ok());
  CHECK(is_in(moved, first.hex()) != is_in(moved, second.hex()));
}

TEST_CASE_FIXTURE(Race, "a blob that is uploaded again while it goes is there afterwards") {
  const Digest lost = blob("app", "nobody's");
  age();
  bool uploaded = false;
  REQUIRE(collect_with([&](const std::string& path, int number) {
            if (uploaded || number != 1 || !is_in(path, "/blobs/")) return;
            uploaded = true;
            blob("app", "nobody's");
          }).ok());
  REQUIRE(uploaded);
  CHECK(store.repository(repository("app")).blob_size(lost).ok());
}

TEST_CASE_FIXTURE(Race, "a manifest that somebody asks for while others go is kept, with all that it refers to") {
  rules.delete_untagged = true;
  const Digest first = push_image("app", "first");
  const Digest child = push_image("app", "child");
  const Digest parent = push("app", Yard::index_of({child}));
  age();
  bool asked = false;
  auto done = collect_with([&](const std::string& path, int) {
    if (asked || !is_in(path, "/revisions/")) return;
    asked = true;
    for (const Digest& one : {first, child, parent}) {
      CHECK(store.driver().renew_lease(store::Layout::blob_data(one), 0ms).ok());
    }
  });
  REQUIRE(asked);
  CHECK(done.value().removed_manifests == 0);
  CHECK(done.value().removed_blobs == 0);
  CHECK(whole("app", first, "first"));
  CHECK(whole("app", child, "child"));
  CHECK(store.repository(repository("app")).manifest(parent).ok());
}

TEST_CASE_FIXTURE(Race, "a tag that was pushed again since retention chose it stays") {
  rules.retention.push_back({[](const std::string&) { return true; }, 0});
  push_image("app", "first", {"first", "second"});
  age();
  bool pushed = false;
  auto done = collect_with([&](const std::string& path, int) {
    if (pushed || !path.ends_with("/tags/first")) return;
    pushed = true;
    const store::Key link = store::Layout::tag_current_link(repository("app"), tag("second"));
    CHECK(store.driver().renew_lease(link, 0ms).ok());
  });
  REQUIRE(pushed);
  CHECK(done.value().removed_tags == 1);
  CHECK(store.repository(repository("app")).tagged(tag("second")).ok());
}

TEST_CASE_FIXTURE(Race, "a manifest that was linked anew since the marking stays") {
  rules.delete_untagged = true;
  const Digest first = push_image("app", "first");
  const Digest second = push_image("app", "second");
  age();
  bool linked_anew = false;
  auto done = collect_with([&](const std::string& path, int) {
    if (linked_anew || !is_in(path, "/revisions/")) return;
    linked_anew = true;
    const Digest& other = is_in(path, first.hex()) ? second : first;
    CHECK(store.driver().renew_lease(store::Layout::revision_link(repository("app"), other), 0ms).ok());
  });
  REQUIRE(linked_anew);
  CHECK(done.value().removed_manifests == 1);
  CHECK(whole("app", first, "first") != whole("app", second, "second"));
}

TEST_CASE_FIXTURE(Race,
                  "an index pushed after the marking keeps an old untagged image, whose layers nobody asked for") {
  rules.delete_untagged = true;
  const Digest other = push_image("aaa", "other");  // which goes first
  const Digest child = push_image("app", "child");
  age();
  bool pushed = false;
  auto done = collect_with([&](const std::string& path, int) {
    if (pushed || !is_in(path, "/app/") || !is_in(path, "/revisions/")) return;
    pushed = true;
    // The lock keeps an index out; so this is what one that came just before left behind.
    CHECK(store.driver().renew_lease(store::Layout::blob_data(child), 0ms).ok());
  });
  REQUIRE(pushed);
  CHECK(done.value().removed_manifests == 1);
  CHECK_FALSE(stored(other));
  CHECK(whole("app", child, "child"));
}

TEST_CASE_FIXTURE(Race,
                  "killed at any step, every image that is kept is whole, and the next collection ends the work") {
  rules.delete_untagged = true;
  const Digest child = push_image("app", "child");
  const Digest index = push("app", Yard::index_of({child}), {"latest"});
  const Digest signature = push_image("app", "signature", {}, &index);
  int steps = 0;
  for (int kill_at = 0;; ++kill_at) {
    const Digest one = push_image("app", "untagged");
    push("app", Yard::index_of({one}));
    push_image("app", "replaced", {"moving"});
    push_image("app", "moved", {"moving"});
    blob("app", "nobody's");
    blob("other", "nobody's");
    age(30h);
    bool killed = false;
    try {
      (void)collect_with([&](const std::string&, int number) {
        if (number == kill_at) throw Killed();
      });
    } catch (const Killed&) {
      killed = true;
    }
    CAPTURE(kill_at);
    CHECK(whole("app", child, "child"));
    CHECK(whole("app", signature, "signature"));
    CHECK(whole("app", store.repository(repository("app")).tagged(tag("moving")).value(), "moved"));
    CHECK(store.repository(repository("app")).tagged(tag("latest")).value() == index);
    collect();
    CHECK_FALSE(stored(sha256("layer of untagged")));
    CHECK_FALSE(stored(sha256("layer of replaced")));
    CHECK_FALSE(stored(sha256("nobody's")));
    CHECK_FALSE(linked("other", sha256("nobody's")));
    CHECK(whole("app", child, "child"));
    // What was thrown away can be pushed again.
    if (!killed) break;
    ++steps;
  }
  CHECK(steps > 15);
}
