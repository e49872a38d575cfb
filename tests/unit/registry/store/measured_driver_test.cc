#include "registry/store/measured_driver.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "contract/memory_driver.h"
#include "contract/store_driver.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

// How often each action was taken, of those that were.
std::map<std::string, std::uint64_t> taken(const ActionTimes& times) {
  std::map<std::string, std::uint64_t> counts;
  times.each([&](std::string_view name, const observe::Histogram& time) {
    const std::uint64_t count = time.up_to(time.bounds().size());
    if (count > 0) counts.emplace(name, count);
  });
  return counts;
}

}  // namespace

TEST_CASE("a measured driver keeps the contract as the one below it does") {
  const auto memory = std::make_shared<Memory>();
  ActionTimes times;
  store_driver_contract([&] { return measured(std::make_unique<MemoryDriver>(memory), times); });
}

TEST_CASE("each call counts once under registry:2's name for it, also when it fails") {
  using Counts = std::map<std::string, std::uint64_t>;
  ActionTimes times;
  const auto driver = measured(std::make_unique<MemoryDriver>(std::make_shared<Memory>()), times);
  CHECK(taken(times).empty());

  const Digest digest = digest_of(Algorithm::Sha256, text::bytes_of("hello"));
  const Key blob = Layout::blob_data(digest);
  CHECK_FALSE(driver->get(blob, 10).ok());
  CHECK(driver->put(blob, "hello").ok());
  CHECK(driver->size(blob).ok());
  CHECK(driver->renew_lease(blob, std::chrono::seconds(0)).ok());
  CHECK(driver->open(blob).ok());
  CHECK_FALSE(driver->folders(Layout::repositories()).ok());
  CHECK(taken(times) == Counts{{"GetContent", 1}, {"PutContent", 1}, {"Stat", 2}, {"Reader", 1}, {"List", 1}});

  const auto name = RepositoryName::parse("app").value();
  const Key folder = Layout::upload(name, UploadId::parse("01234567-89ab-4def-8123-456789abcdef").value());
  auto draft = driver->create_draft(folder);
  REQUIRE(draft.ok());
  REQUIRE(draft.value()->append(text::bytes_of("hello")).ok());
  REQUIRE(draft.value()->publish(blob).ok());
  REQUIRE(draft.value()->discard().ok());
  const std::array folders{Layout::blob(digest)};
  CHECK(driver->remove(folders).ok());
  const Counts after = taken(times);
  CHECK(after.at("Writer") == 1);
  CHECK(after.at("Move") == 1);
  CHECK(after.at("Delete") == 2);
}
