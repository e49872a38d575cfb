#include "auth/failure_budget.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson::auth;
using namespace std::chrono_literals;

namespace {

const FailureBudget::Clock::time_point start{};
constexpr FailureBudget::Limits limits{.burst = 3, .per_second = 2, .waiting = 2, .sources = 8};

}  // namespace

TEST_CASE("failures are free up to the burst, then wait ever longer, then are refused with the time to come back") {
  FailureBudget budget(limits);
  for (int i = 0; i < 3; ++i) CHECK(budget.take("1.2.3.4", start).wait == 0s);
  CHECK(budget.take("1.2.3.4", start).wait == 500ms);
  CHECK(budget.take("1.2.3.4", start).wait == 1000ms);
  const auto refused = budget.take("1.2.3.4", start);
  CHECK_FALSE(refused.granted);
  CHECK(refused.wait == 500ms);
  CHECK(budget.take("1.2.3.4", start + 500ms).granted);
}

TEST_CASE("one address's failures are not another's") {
  FailureBudget budget(limits);
  while (budget.take("1.2.3.4", start).granted) continue;
  CHECK(budget.take("1.2.3.5", start).wait == 0s);
}

TEST_CASE("a right password costs nothing") {
  FailureBudget budget(limits);
  for (int i = 0; i < 100; ++i) {
    CHECK(budget.take("1.2.3.4", start).wait == 0s);
    budget.give_back("1.2.3.4", start);
  }
}

TEST_CASE("time mends the budget, up to the burst") {
  FailureBudget budget(limits);
  while (budget.take("1.2.3.4", start).granted) continue;
  for (int i = 0; i < 3; ++i) CHECK(budget.take("1.2.3.4", start + 1h).wait == 0s);
  CHECK(budget.take("1.2.3.4", start + 1h).wait > 0s);
}

TEST_CASE("an IPv6 customer has one budget, and IPv4 is the same in both spellings") {
  CHECK(budget_key("2001:db8:1:2::1") == budget_key("2001:db8:1:2:ffff::9"));
  CHECK(budget_key("2001:db8:1:2::1") != budget_key("2001:db8:1:3::1"));
  CHECK(budget_key("::ffff:1.2.3.4") == budget_key("1.2.3.4"));
  CHECK(budget_key("1.2.3.4") != budget_key("1.2.3.5"));
  CHECK(budget_key("unix:") == "unix:");
}

TEST_CASE("a flood from many addresses keeps the table bounded and slows the newcomers together") {
  FailureBudget budget(limits);
  for (int i = 0; i < 8; ++i) (void)budget.take("10.0.0." + std::to_string(i), start);
  int at_once = 0;
  for (int i = 0; i < 200; ++i) at_once += budget.take("10.0.1." + std::to_string(i), start).wait == 0s;
  CHECK(at_once == 3);
  // When the flood is over the table is empty again.
  for (int i = 0; i < 8; ++i) CHECK(budget.take("10.0.2." + std::to_string(i), start + 1h).wait == 0s);
}
