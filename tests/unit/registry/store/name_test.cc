#include "registry/store/name.h"

#include <doctest/doctest.h>

#include <string>

#include "registry/store/layout.h"

using namespace caisson;
using namespace caisson::registry::store;

TEST_CASE("repository names follow the distribution grammar") {
  for (const std::string_view good : {"a", "library/app", "a.b", "a_b", "a__b", "a-b", "a--b", "a---b/c", "0/1/2/3/4/5",
                                      "a/manifests/b", "blobs", "uploads/tags/list"}) {
    CAPTURE(good);
    CHECK(RepositoryName::parse(good).ok());
  }
  for (const std::string_view bad :
       {"",   "/",  "a/", "/a", "a//b", "A",    "a..b", "a___b", "a._b",     ".",     "..",       "a/..", "../a",
        "_a", "a_", "-a", "a-", "a.",   "a/_b", "a b",  "a%2f",  "\xc3\xa4", "a/./b", "_catalog", "a:b",  "a@b"}) {
    CAPTURE(bad);
    CHECK_FALSE(RepositoryName::parse(bad).ok());
  }
  CHECK(RepositoryName::parse(std::string(255, 'a')).ok());
  CHECK_FALSE(RepositoryName::parse(std::string(256, 'a')).ok());
  CHECK_FALSE(RepositoryName::parse(std::string_view("a\0b", 3)).ok());
}

TEST_CASE("tags follow the distribution grammar") {
  for (const std::string_view good : {"latest", "v1.0-rc_1", "_x", "0", "A"}) CHECK(Tag::parse(good).ok());
  for (const std::string_view bad : {"", ".", "..", "-a", ".a", "a/b", "a:b", "a b", "\xc3\xa4"}) {
    CAPTURE(bad);
    CHECK_FALSE(Tag::parse(bad).ok());
  }
  CHECK(Tag::parse(std::string(128, 't')).ok());
  CHECK_FALSE(Tag::parse(std::string(129, 't')).ok());
}

TEST_CASE("upload ids are lower-case UUIDs, and no two alike") {
  const UploadId id = UploadId::generate();
  CHECK(UploadId::parse(id.str()).ok());
  CHECK(id.str()[14] == '4');
  CHECK(id.str() != UploadId::generate().str());
  for (const std::string_view bad :
       {"", "..", "01234567-89ab-4def-8123-456789abcde", "01234567-89AB-4def-8123-456789abcdef",
        "01234567/89ab-4def-8123-456789abcdef", "01234567-89ab-4def-8123-456789abcdef0"}) {
    CAPTURE(bad);
    CHECK_FALSE(UploadId::parse(bad).ok());
  }
}

TEST_CASE("the catalog's order compares component by component") {
  CHECK(compare_components("a", "a/b") < 0);
  CHECK(compare_components("a/b", "a-b") < 0);
  CHECK(compare_components("a/z", "a.b") < 0);
  CHECK(compare_components("a-b", "b") < 0);
  CHECK(compare_components("x/y", "x/y") == 0);
}

TEST_CASE("keys are registry:2's paths") {
  const auto name = RepositoryName::parse("library/app").value();
  const auto tag = Tag::parse("v1").value();
  const std::string hex(64, 'c');
  const auto digest = Digest::parse("sha256:" + hex).value();
  const auto id = UploadId::parse("01234567-89ab-4def-8123-456789abcdef").value();
  const std::string base = "docker/registry/v2/";
  const std::string repository = base + "repositories/library/app/";
  CHECK(Layout::blob_data(digest).path() == base + "blobs/sha256/cc/" + hex + "/data");
  CHECK(Layout::layer_link(name, digest).path() == repository + "_layers/sha256/" + hex + "/link");
  CHECK(Layout::revision_link(name, digest).path() == repository + "_manifests/revisions/sha256/" + hex + "/link");
  CHECK(Layout::tag_current_link(name, tag).path() == repository + "_manifests/tags/v1/current/link");
  CHECK(Layout::tag_index_link(name, tag, digest).path() ==
        repository + "_manifests/tags/v1/index/sha256/" + hex + "/link");
  CHECK(Layout::upload_data(name, id).path() == repository + "_uploads/01234567-89ab-4def-8123-456789abcdef/data");
}
