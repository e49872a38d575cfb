#include "rules/level.h"

#include <doctest/doctest.h>

using namespace caisson::rules;

namespace {

struct Inherited {
  std::optional<int> number;
  void inherit(const Inherited& outer) { caisson::rules::inherit(number, outer.number); }
};

struct Local {
  int number = 0;
};

struct IfOnly {
  int number = 0;
  void inherit(const IfOnly& outer, Block kind) {
    if (number == 0 && kind == IfInLocation) number = outer.number;
  }
};

}  // namespace

TEST_CASE("an inner level takes what it lacks, through levels that say nothing") {
  Level root(Main, nullptr, {});
  Level& http = root.add_inner(Http, {});
  Level& server = http.add_inner(Server, {});
  Level& location = server.add_inner(Location, {});
  Level& other = server.add_inner(Location, {});
  root.own<Inherited>().number = 1;
  other.own<Inherited>().number = 2;
  root.inherit_all();
  CHECK(location.get<Inherited>().number == 1);
  CHECK(other.get<Inherited>().number == 2);
}

TEST_CASE("settings without inherit stay where they were written") {
  Level root(Main, nullptr, {});
  Level& http = root.add_inner(Http, {});
  root.own<Local>().number = 7;
  root.inherit_all();
  CHECK(root.get<Local>().number == 7);
  CHECK(http.get<Local>().number == 0);
}

TEST_CASE("a setting may look at the kind of the inner block") {
  Level location(Location, nullptr, {});
  Level& condition = location.add_inner(IfInLocation, {});
  Level& nested = location.add_inner(Location, {});
  location.own<IfOnly>().number = 3;
  condition.own<IfOnly>();
  nested.own<IfOnly>();
  location.inherit_all();
  CHECK(condition.get<IfOnly>().number == 3);
  CHECK(nested.get<IfOnly>().number == 0);
}
