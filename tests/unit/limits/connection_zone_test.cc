#include "limits/connection_zone.h"

#include <doctest/doctest.h>

#include <optional>

using caisson::limits::ConnectionZone;
using caisson::limits::Counted;
using Outcome = ConnectionZone::Outcome;

TEST_CASE("a key is counted as long as its requests live") {
  const auto zone = std::make_shared<ConnectionZone>(64 * 1024);
  CHECK(zone->enter("a", 2) == Outcome::Entered);
  std::optional<Counted> first(std::in_place, zone, "a");
  CHECK(zone->enter("a", 2) == Outcome::Entered);
  Counted second(zone, "a");
  CHECK(zone->enter("a", 2) == Outcome::Over);
  CHECK(zone->enter("b", 1) == Outcome::Entered);
  zone->leave("b");
  first.reset();
  CHECK(zone->enter("a", 2) == Outcome::Entered);
  zone->leave("a");
}

TEST_CASE("a full zone takes no further key until one has gone") {
  ConnectionZone zone(2 * 64);
  CHECK(zone.enter("a", 1) == Outcome::Entered);
  CHECK(zone.enter("b", 1) == Outcome::Entered);
  CHECK(zone.enter("c", 1) == Outcome::NoRoom);
  zone.leave("a");
  CHECK(zone.enter("c", 1) == Outcome::Entered);
}
