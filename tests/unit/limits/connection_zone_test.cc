#include "limits/connection_zone.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST_CASE("two processes count in one zone, and what one of them counted is forgotten when it is dead") {
  constexpr std::size_t bytes = 64 * 1024;
  const auto memory = caisson::SharedMemory::alone(ConnectionZone::memory_for(bytes));
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ConnectionZone mine(bytes, memory, ::getpid());
  {
    // Its zone is never destroyed, as in a process that was killed; static, as it is no leak.
    static auto* const killed = new ConnectionZone(bytes, memory, dead);
    CHECK(mine.enter("a", 2) == Outcome::Entered);
    CHECK(killed->enter("a", 2) == Outcome::Entered);
    CHECK(mine.enter("a", 2) == Outcome::Over);
  }
  REQUIRE(::waitpid(dead, nullptr, 0) == dead);
  ConnectionZone successor(bytes, memory, ::getppid());
  CHECK(successor.enter("a", 2) == Outcome::Entered);
  CHECK(successor.enter("a", 2) == Outcome::Over);  // what is alive still counts
  mine.leave("a");
  CHECK(successor.enter("a", 2) == Outcome::Entered);
}

TEST_CASE("a process that dies with the zone in its hands leaves an empty one, and stops nobody") {
  using Table = caisson::limits::SharedTable<int, int>;
  constexpr std::size_t bytes = 4096;
  caisson::SharedMemories memories;
  const std::vector<caisson::SharedMemories::Wanted> wanted{{"zone", Table::memory_for(bytes, 64)}};
  REQUIRE(memories.make(wanted).ok());
  Table table(memories.get("zone", wanted.front().bytes), bytes, 64);
  {
    const Table::Lock lock(table);
    CHECK(table.add(caisson::limits::digest_of("a"), 64) != nullptr);
  }
  const pid_t child = ::fork();
  if (child == 0) {
    Table::Lock held(table);
    ::_exit(0);  // without the destructor
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  const Table::Lock lock(table);
  CHECK(table.find(caisson::limits::digest_of("a")) == nullptr);
  CHECK(table.add(caisson::limits::digest_of("a"), 64) != nullptr);
}
