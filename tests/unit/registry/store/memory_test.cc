// The contract of a driver without a file system, and the store over such a driver: neither asks for more than it says.
#include <doctest/doctest.h>

#include "contract/memory_driver.h"
#include "contract/store_driver.h"
#include "registry/store/store.h"

using namespace caisson;
using namespace caisson::registry::store;

TEST_CASE("a driver in memory keeps the contract") {
  const auto memory = std::make_shared<Memory>();
  store_driver_contract([&] { return std::make_unique<MemoryDriver>(memory); });
}

TEST_CASE("the store works on any driver") {
  Store store(std::make_unique<MemoryDriver>(std::make_shared<Memory>()), observe::ErrorLog());
  Repository app = store.repository(RepositoryName::parse("library/app").value());
  const Digest layer = digest_of(Algorithm::Sha256, text::bytes_of("hello"));
  const Digest manifest = digest_of(Algorithm::Sha256, text::bytes_of("{}"));
  const Tag tag = Tag::parse("v1").value();

  auto upload = app.begin_upload(Algorithm::Sha256);
  REQUIRE(upload.value().append(text::bytes_of("hel")).ok());
  const UploadId id = upload.value().id();
  REQUIRE(upload.value().park().ok());
  CHECK(app.upload_size(id).value() == 3);
  auto resumed = app.resume_upload(id);
  REQUIRE(resumed.value().append(text::bytes_of("lo")).ok());
  REQUIRE(resumed.value().commit(layer).ok());
  CHECK(app.upload_size(id).error().code == ErrorCode::NotFound);
  CHECK(app.blob_size(layer).value() == 5);

  REQUIRE(app.put_manifest(manifest, "{}", {{layer}, {}}, {tag}).value().empty());
  CHECK(app.tagged(tag).value() == manifest);
  CHECK(app.tags("", 10).value().names == std::vector<std::string>{"v1"});
  CHECK(store.catalog("", 10).value().names == std::vector<std::string>{"library/app"});
  CHECK(app.delete_manifest(manifest).ok());
  CHECK(app.tags("", 10).value().names.empty());
  CHECK(app.manifest(manifest).error().code == ErrorCode::NotFound);
  CHECK(app.delete_blob(layer).ok());
  CHECK(app.blob_size(layer).error().code == ErrorCode::NotFound);
}
