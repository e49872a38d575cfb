#include "registry/maintenance/collector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "unit/registry/maintenance/yard.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::maintenance;

namespace {

struct Scheduled : Yard {
  std::atomic<int> opened = 0;
  Collector::OpenStore open = [this]() -> Result<std::unique_ptr<store::Store>> {
    ++opened;
    return std::make_unique<store::Store>(scratch.driver(), observe::ErrorLog());
  };
  static bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) std::this_thread::sleep_for(5ms);
    return condition();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Scheduled, "garbage is collected again and again while somebody serves") {
  const Digest first = blob("app", "first");
  const Digest second = blob("app", "second");
  const Digest kept = push_image("app", "kept", {"v1"});
  age();
  REQUIRE(store.repository(repository("app")).blob_size(second).ok());
  Collector collector(open, {20ms, 0ms}, rules, observe::ErrorLog());
  CHECK(soon([&] { return !stored(first); }));
  CHECK(stored(second));
  std::filesystem::last_write_time(data(second), std::filesystem::file_time_type::clock::now() - 2h);
  CHECK(soon([&] { return !stored(second); }));
  CHECK(whole("app", kept, "kept"));
}

TEST_CASE_FIXTURE(Scheduled,
                  "what another process has just collected is not looked through again before the interval is over") {
  const Digest lost = blob("app", "nobody's");
  collect();
  age(2h, "blobs");
  {
    Collector collector(open, {1h, 0ms}, rules, observe::ErrorLog());
    CHECK(soon([&] { return opened > 0; }));
  }
  CHECK(stored(lost));
}

TEST_CASE_FIXTURE(Scheduled, "a collection ends when its process does, and leaves the rest for the next") {
  std::vector<Digest> lost;
  for (int i = 0; i < 30; ++i) lost.push_back(blob("app", std::to_string(i)));
  age();
  rules.rate = 1;
  {
    Collector collector(open, {1h, 0ms}, rules, observe::ErrorLog());
    CHECK(soon([&] { return opened > 1; }));
  }
  CHECK(std::any_of(lost.begin(), lost.end(), [this](const Digest& one) { return stored(one); }));
}
