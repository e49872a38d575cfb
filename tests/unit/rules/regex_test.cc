#include "rules/regex.h"

#include <doctest/doctest.h>

using namespace caisson::rules;

TEST_CASE("captures are numbered and named; a group that took no part is empty") {
  auto regex = Regex::compile(R"(^/v2/(?<name>[a-z/]+)/(blobs|manifests)(/x)?)", Regex::Case::Sensitive);
  REQUIRE(regex.ok());
  Captures captures;
  REQUIRE(regex.value().match("/v2/a/b/blobs", &captures) == Regex::Outcome::Match);
  REQUIRE(captures.size() == 4);
  CHECK(captures[1] == "a/b");
  CHECK(captures[2] == "blobs");
  CHECK(captures[3].empty());
  REQUIRE(regex.value().names().size() == 1);
  CHECK(regex.value().names()[0].first == "name");
  CHECK(captures[regex.value().names()[0].second] == "a/b");
}

TEST_CASE("captures stay as they were when nothing matches") {
  auto regex = Regex::compile("^a", Regex::Case::Ignored);
  REQUIRE(regex.ok());
  Captures captures{"before"};
  CHECK(regex.value().match("b", &captures) == Regex::Outcome::NoMatch);
  CHECK(captures == Captures{"before"});
  CHECK(regex.value().match("A", &captures) == Regex::Outcome::Match);
}

TEST_CASE("a catastrophic pattern reaches its limit instead of stalling the loop") {
  auto regex = Regex::compile("^(a+)+$", Regex::Case::Sensitive);
  REQUIRE(regex.ok());
  CHECK(regex.value().match(std::string(64, 'a') + "!", nullptr) == Regex::Outcome::LimitReached);
}

TEST_CASE("a broken pattern is refused with the place where it breaks") {
  auto regex = Regex::compile("a(b", Regex::Case::Sensitive);
  REQUIRE_FALSE(regex.ok());
  CHECK(regex.error().what.find("pcre2_compile() failed: missing closing parenthesis in \"a(b\"") != std::string::npos);
}
