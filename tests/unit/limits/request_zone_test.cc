#include "limits/request_zone.h"

#include <doctest/doctest.h>

#include <string>

using caisson::limits::RequestZone;
using Outcome = RequestZone::Outcome;
using Moment = RequestZone::Moment;

namespace {

constexpr std::size_t plenty = 1024 * 1024;
constexpr Moment start{1'000'000'000};

}  // namespace

TEST_CASE("a bucket leaks at its rate: two requests a second, and one more by a burst of one") {
  RequestZone zone(2000, plenty);
  CHECK(zone.count("a", 1000, start).outcome == Outcome::Fits);
  const auto second = zone.count("a", 1000, start);
  CHECK(second.outcome == Outcome::Fits);
  CHECK(second.excess == 1000);
  const auto third = zone.count("a", 1000, start);
  CHECK(third.outcome == Outcome::Over);
  CHECK(third.excess == 2000);
  CHECK(zone.count("b", 0, start).outcome == Outcome::Fits);
  // what was refused has not been counted: half a second makes room for one
  CHECK(zone.count("a", 1000, start + Moment(499)).outcome == Outcome::Over);
  CHECK(zone.count("a", 1000, start + Moment(500)).outcome == Outcome::Fits);
  CHECK(zone.time_for(1000) == Moment(500));
}

TEST_CASE("looking does not count: a request that another zone refuses leaves no trace") {
  RequestZone zone(1000, plenty);
  const auto look = zone.look("a", 0, start);
  REQUIRE(look.pinned != nullptr);
  zone.release(*look.pinned);
  const auto again = zone.look("a", 0, start);
  REQUIRE(again.pinned != nullptr);
  CHECK(zone.settle(*again.pinned, start) == 0);
  CHECK(zone.look("a", 0, start).outcome == Outcome::Over);
}

TEST_CASE("a clock that is a little behind counts as no time, one that went back far is not believed") {
  RequestZone zone(1000, plenty);
  CHECK(zone.count("a", 0, start).outcome == Outcome::Fits);
  CHECK(zone.count("a", 0, start - Moment(100)).excess == 1000);
  CHECK(zone.count("a", 0, start - Moment(61'000)).excess == 999);
}

TEST_CASE("a full zone forgets the key that was not asked for the longest, and never one that is being decided") {
  RequestZone zone(1000, 4 * 128);
  for (const char* key : {"a", "b", "c", "d"}) CHECK(zone.count(key, 0, start).outcome == Outcome::Fits);
  CHECK(zone.count("a", 0, start).outcome == Outcome::Over);  // asked for: now the youngest
  CHECK(zone.count("e", 0, start).outcome == Outcome::Fits);  // in the place of b
  CHECK(zone.keys() == 4);
  CHECK(zone.count("a", 0, start).outcome == Outcome::Over);
  CHECK(zone.count("b", 0, start).outcome == Outcome::Fits);

  RequestZone small(1000, 128);
  const auto pinned = small.look("a", 0, start);
  CHECK(small.count("b", 0, start).outcome == Outcome::NoRoom);
  small.release(*pinned.pinned);
  CHECK(small.count("b", 0, start).outcome == Outcome::Fits);
}

TEST_CASE("keys that have leaked empty for a minute go while others come") {
  RequestZone zone(1000, plenty);
  for (int i = 0; i < 10; ++i) zone.count(std::to_string(i), 0, start);
  CHECK(zone.keys() == 10);
  zone.count("x", 0, start + Moment(60'000));
  CHECK(zone.keys() == 9);  // two went, one came
}
