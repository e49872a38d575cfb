#include "registry/routes/route.h"

#include <doctest/doctest.h>

#include <string>

#include "registry/routes/query.h"

using namespace caisson::registry;
using Kind = Route::Kind;

namespace {

void check(std::string_view path, Kind kind, std::string_view name = {}, std::string_view reference = {}) {
  CAPTURE(path);
  const Route route = find_route(path);
  CHECK(route.kind == kind);
  CHECK(route.name == name);
  CHECK(route.reference == reference);
}

}  // namespace

TEST_CASE("paths without a repository") {
  check("/", Kind::Root);
  check("/v2", Kind::VersionBare);
  check("/v2/", Kind::Version);
  check("/v2/_catalog", Kind::Catalog);
  for (const char* path : {"", "/v1/", "/v2x", "/v2/a", "/v2/a/", "/v2/a/b/c", "/v2/a/tags", "/v2/a/tags/x"}) {
    check(path, Kind::Unknown);
  }
}

TEST_CASE("the last parts of a path decide, whatever the repository is called") {
  check("/v2/a/manifests/latest", Kind::Manifest, "a", "latest");
  check("/v2/a/manifests/b/manifests/latest", Kind::Manifest, "a/manifests/b", "latest");
  check("/v2/a/b/referrers/sha256:00", Kind::Referrers, "a/b", "sha256:00");
  check("/v2/a/referrers/manifests/x", Kind::Manifest, "a/referrers", "x");
  check("/v2/a/blobs/sha256:00", Kind::Blob, "a", "sha256:00");
  check("/v2/a/b/blobs/uploads/", Kind::Uploads, "a/b");
  check("/v2/a/b/blobs/uploads", Kind::Uploads, "a/b");
  check("/v2/a/blobs/uploads/id", Kind::Upload, "a", "id");
  check("/v2/blobs/uploads/blobs/uploads/id", Kind::Upload, "blobs/uploads", "id");
  check("/v2/a/blobs/uploads/manifests/v1", Kind::Manifest, "a/blobs/uploads", "v1");
  check("/v2/a/tags/list", Kind::Tags, "a");
  check("/v2/a/tags/list/", Kind::Tags, "a");
  check("/v2/tags/list/tags/list", Kind::Tags, "tags/list");
  check("/v2/tags/list/blobs/x", Kind::Blob, "tags/list", "x");
  check("/v2/manifests/latest", Kind::Manifest, "", "latest");  // no name: refused later
}

TEST_CASE("query values are decoded, and the first of a name counts") {
  CHECK(query_value("digest=sha256%3Aab&n=1", "digest") == "sha256:ab");
  CHECK(query_value("a=1&a=2", "a") == "1");
  CHECK(query_value("a+b=c+d", "a b") == "c d");
  CHECK(query_value("a", "a") == "");
  CHECK(query_value("_state=x=y", "_state") == "x=y");
  CHECK_FALSE(query_value("", "a").has_value());
  CHECK_FALSE(query_value("a=%zz", "a").has_value());
  CHECK(query_escaped("a/b c~") == "a%2Fb%20c~");
}
