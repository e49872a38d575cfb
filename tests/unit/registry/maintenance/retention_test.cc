#include "registry/maintenance/retention.h"

#include <doctest/doctest.h>

#include "unit/registry/maintenance/yard.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::maintenance;

namespace {

struct Retaining : Yard {
  Retaining() { rules.delete_untagged = true; }
  RetentionRule& rule(const std::string& prefix = "") {
    rules.retention.push_back({[prefix](const std::string& name) { return name.starts_with(prefix); }});
    return rules.retention.back();
  }
  // An image that got its tag so many hours ago.
  Digest pushed(const std::string& name, std::chrono::hours ago, const char* to = "app") {
    const Digest digest = push_image(to, name, {name});
    const auto link = scratch.path() / store::Layout::tag_current_link(repository(to), tag(name)).path();
    std::filesystem::last_write_time(link, std::filesystem::file_time_type::clock::now() - ago);
    return digest;
  }
  std::vector<std::string> tags(const char* name = "app") {
    return store.repository(repository(name)).tags("", 100).value().names;
  }
  using Names = std::vector<std::string>;
};

}  // namespace

TEST_CASE_FIXTURE(Retaining,
                  "the newest tags of each repository that a rule is for stay, the others go with their images") {
  rule("ap").newest = 2;
  const Digest oldest = pushed("v1", 50h);
  pushed("v2", 40h);
  pushed("v3", 30h);
  pushed("v1", 50h, "other");
  age(10h, "blobs");
  age(10h, "repositories/app/_manifests/revisions");
  CHECK(collect().removed_tags == 1);
  CHECK(tags() == Names{"v2", "v3"});
  CHECK(tags("other") == Names{"v1"});
  CHECK_FALSE(store.repository(repository("app")).lists_manifest(oldest).value());
}

TEST_CASE_FIXTURE(Retaining, "what any of a rule's conditions keeps stays") {
  RetentionRule& one = rule();
  one.newest = 1;
  one.younger = 100h;
  one.matching = [](const std::string& name) { return name == "stable"; };
  pushed("a", 10h);
  pushed("b", 99h);
  pushed("c", 101h);
  pushed("stable", 1000h);
  collect();
  CHECK(tags() == Names{"a", "b", "stable"});
}

TEST_CASE_FIXTURE(Retaining, "the first rule that is for a repository counts, and one without conditions keeps all") {
  rule("app");
  rule().newest = 0;
  pushed("v1", 10h);
  pushed("v1", 10h, "other");
  CHECK(collect().removed_tags == 1);
  CHECK(tags() == Names{"v1"});
  CHECK(tags("other").empty());
}

TEST_CASE_FIXTURE(Retaining, "a tag that was pushed within the grace period stays, whatever the rule says") {
  rule().newest = 0;
  push_image("app", "fresh", {"fresh"});
  pushed("old", 2h);
  CHECK(collect().removed_tags == 1);
  CHECK(tags() == Names{"fresh"});
}

TEST_CASE_FIXTURE(Retaining,
                  "platforms of an index that is kept stay without their tags, and so do referrers with theirs") {
  rule().newest = 1;
  const Digest amd64 = pushed("v1-amd64", 30h);
  const Digest index = push("app", index_of({amd64}), {"v1"});
  const Digest signature = push_image("app", "signature", {"signed"}, &index);
  const std::string fallback = "sha256-" + std::string(index.hex());
  push_image("app", "of tag", {fallback, fallback + ".sig"});
  age(2h);
  const auto link = scratch.path() / store::Layout::tag_current_link(repository("app"), tag("v1")).path();
  std::filesystem::last_write_time(link, std::filesystem::file_time_type::clock::now() - 90min);
  CHECK(collect().removed_tags == 1);
  CHECK(tags() == Names{fallback, fallback + ".sig", "signed", "v1"});
  CHECK(whole("app", amd64, "amd64") == false);
  CHECK(whole("app", amd64, "v1-amd64"));
  CHECK(whole("app", signature, "signature"));
}

TEST_CASE_FIXTURE(Retaining, "tags that stand for referrers go with what they are about") {
  rule().newest = 1;
  const Digest old = pushed("old", 30h);
  const std::string fallback = "sha256-" + std::string(old.hex()) + ".sig";
  pushed(fallback, 2h);
  pushed("new", 3h);
  age(2h);
  CHECK(collect().removed_tags == 2);
  CHECK(tags() == Names{"new"});
}

TEST_CASE_FIXTURE(Retaining, "a dry run of one rule removes nothing") {
  RetentionRule& one = rule();
  one.newest = 0;
  one.dry_run = true;
  const Digest kept = pushed("v1", 30h);
  age();
  CHECK(collect().removed_tags == 0);
  CHECK(tags() == Names{"v1"});
  CHECK(whole("app", kept, "v1"));
}

TEST_CASE_FIXTURE(Retaining, "a repository with a manifest that cannot be read loses no tag") {
  rule().newest = 0;
  const Digest broken = pushed("v1", 30h);
  std::filesystem::resize_file(data(broken), 10);
  age();
  CHECK(collect().removed_tags == 0);
  CHECK(tags() == Names{"v1"});
}

TEST_CASE("which manifest a fallback tag is about") {
  const Digest digest = sha256("x");
  const std::string tag = "sha256-" + std::string(digest.hex());
  CHECK(subject_of_tag(tag) == pack(digest));
  CHECK(subject_of_tag(tag + ".sig") == pack(digest));
  CHECK_FALSE(subject_of_tag("sha256-1234"));
  CHECK_FALSE(subject_of_tag("v1"));
  CHECK_FALSE(subject_of_tag(tag + "0"));
}
