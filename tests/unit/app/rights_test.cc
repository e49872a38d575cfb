#include "app/rights.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

using namespace caisson;
using namespace caisson::app;

TEST_CASE("asking for descriptors changes no limit, and more than the kernel ever gives is refused in nginx's words") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(may_have_descriptors(before.rlim_max).ok());
  const Result<void> absurd = may_have_descriptors(std::uint64_t{1} << 62);  // above fs.nr_open
  REQUIRE_FALSE(absurd.ok());
  CHECK(absurd.error().what.starts_with("setrlimit(RLIMIT_NOFILE, 4611686018427387904) failed (1: "));
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur == before.rlim_cur);
  CHECK(after.rlim_max == before.rlim_max);
}
