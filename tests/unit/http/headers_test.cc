#include "http/headers.h"

#include <doctest/doctest.h>

namespace {

using caisson::http::Headers;

TEST_CASE("names are compared without case, order is kept") {
  Headers headers{{"Accept", "a"}, {"ACCEPT", "b"}, {"Host", "h"}};
  REQUIRE(headers.find("accept") != nullptr);
  CHECK(*headers.find("accept") == "a");
  CHECK(headers.count("Accept") == 2);
  CHECK(headers.joined("accept") == "a, b");
  CHECK_FALSE(headers.joined("absent"));
}

TEST_CASE("set leaves one field where the first one was") {
  Headers headers{{"A", "1"}, {"B", "2"}, {"a", "3"}};
  headers.set("A", "4");
  REQUIRE(headers.size() == 2);
  CHECK(headers.begin()->value == "4");
  headers.set("C", "5");
  CHECK(*headers.find("c") == "5");
  headers.remove("a");
  CHECK(headers.size() == 2);
  CHECK_FALSE(headers.has("A"));
}

TEST_CASE("lists finds a token in any element of any field") {
  const Headers headers{{"Connection", "keep-alive, X-Token"}, {"connection", " CLOSE"}};
  CHECK(headers.lists("Connection", "close"));
  CHECK(headers.lists("Connection", "x-token"));
  CHECK_FALSE(headers.lists("Connection", "keep"));
  CHECK_FALSE(headers.lists("Connection", ""));
}

}  // namespace
