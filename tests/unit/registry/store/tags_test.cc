// Tags: what is one, and how they go.
#include <doctest/doctest.h>

#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

using Expected = std::vector<std::string>;

struct Fixture : Stored {
  Repository app = store.repository(repository("app"));

  void push(std::string_view bytes, const std::vector<Tag>& tags) {
    REQUIRE(app.put_manifest(sha256(bytes), bytes, {}, tags).ok());
  }
  Expected tags() { return app.tags("", 100).value().names; }
  static std::string folder(std::string_view name) { return "repositories/app/_manifests/tags/" + std::string(name); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a folder without a current link is no tag, until it has one") {
  push("one", {tag("a"), tag("z")});
  scratch.write(folder("cut-off") + "/index/sha256/x/link", "");
  scratch.write(folder("empty") + "/current/link", "");
  scratch.write(folder(".hidden") + "/current/link", sha256("one").str());
  CHECK(tags() == Expected{"a", "z"});
  CHECK(tags() == Expected{"a", "z"});
  // As another process would; the list of folders stays as it was.
  scratch.write(folder("cut-off") + "/current/link", sha256("one").str());
  CHECK(tags() == Expected{"a", "cut-off", "z"});
  push("one", {tag("empty"), tag("m")});
  CHECK(tags() == Expected{"a", "cut-off", "empty", "m", "z"});
  CHECK(app.tags("b", 2).value().names == Expected{"cut-off", "empty"});
  CHECK(app.tags("b", 2).value().more);
  CHECK_FALSE(app.tags("empty", 2).value().more);
}

TEST_CASE_FIXTURE(Fixture, "tags that another process made, moved or deleted are listed as they are now") {
  Store other(scratch.driver(), observe::ErrorLog());
  Repository theirs = other.repository(repository("app"));
  push("one", {tag("a"), tag("b")});
  CHECK(tags() == Expected{"a", "b"});
  REQUIRE(theirs.put_manifest(sha256("two"), "two", {}, {tag("c"), tag("b")}).ok());
  CHECK(tags() == Expected{"a", "b", "c"});
  REQUIRE(theirs.delete_tag(tag("a")).ok());
  CHECK(tags() == Expected{"b", "c"});
  REQUIRE(theirs.delete_manifest(sha256("two")).ok());
  CHECK(tags().empty());
}

TEST_CASE_FIXTURE(Fixture, "what is removed is taken apart aside, and nothing is left of it") {
  for (int i = 0; i < 20; ++i) push("one", {tag("v" + std::to_string(i))});
  push("two", {tag("kept")});
  REQUIRE(app.delete_manifest(sha256("one")).ok());
  CHECK(tags() == Expected{"kept"});
  CHECK_FALSE(scratch.has("repositories/app/_manifests/revisions/sha256/" + std::string(sha256("one").hex())));
  const auto removed = scratch.v2("_removed");
  for (int i = 0; i < 1000 && !std::filesystem::is_empty(removed); ++i) {
    const timespec moment{0, 10'000'000};
    ::nanosleep(&moment, nullptr);
  }
  CHECK(std::filesystem::is_empty(removed));
  CHECK(app.manifest(sha256("two")).ok());
}

TEST_CASE_FIXTURE(Fixture, "what a process that died had left aside goes with the next removal") {
  push("one", {tag("a")});
  scratch.write("_removed/0123-0/current/link", "x");
  REQUIRE(app.delete_tag(tag("a")).ok());
  const auto left = scratch.v2("_removed/0123-0");
  for (int i = 0; i < 1000 && std::filesystem::exists(left); ++i) {
    const timespec moment{0, 10'000'000};
    ::nanosleep(&moment, nullptr);
  }
  CHECK_FALSE(std::filesystem::exists(left));
}
