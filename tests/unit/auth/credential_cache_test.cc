#include "auth/credential_cache.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson::auth;
using namespace std::chrono_literals;

namespace {
const CredentialCache::Clock::time_point start{};
}

TEST_CASE("a remembered credential is known until its age is reached") {
  CredentialCache cache({.entries = 100, .age = 60s});
  const auto key = cache.key("bob", "hash", "secret");
  CHECK_FALSE(cache.holds(key, start));
  cache.remember(key, start);
  CHECK(cache.holds(key, start + 59s));
  CHECK_FALSE(cache.holds(key, start + 60s));
}

TEST_CASE("using a credential does not prolong it") {
  CredentialCache cache({.entries = 100, .age = 60s});
  const auto key = cache.key("bob", "hash", "secret");
  cache.remember(key, start);
  cache.remember(key, start + 30s);
  CHECK_FALSE(cache.holds(key, start + 60s));
  cache.remember(key, start + 60s);
  CHECK(cache.holds(key, start + 100s));
}

TEST_CASE("another user, hash line or password is another credential, also where the parts run together") {
  CredentialCache cache({.entries = 100, .age = 60s});
  cache.remember(cache.key("bob", "hash", "secret"), start);
  CHECK(cache.holds(cache.key("bob", "hash", "secret"), start));
  CHECK_FALSE(cache.holds(cache.key("eve", "hash", "secret"), start));
  CHECK_FALSE(cache.holds(cache.key("bob", "hash2", "secret"), start));
  CHECK_FALSE(cache.holds(cache.key("bob", "hash", "Secret"), start));
  CHECK_FALSE(cache.holds(cache.key("bobh", "ash", "secret"), start));
  CHECK_FALSE(cache.holds(cache.key("bob", "hashs", "ecret"), start));
}

TEST_CASE("keys of two processes have nothing in common") {
  CredentialCache one({}), two({});
  CHECK(one.key("bob", "hash", "secret") != two.key("bob", "hash", "secret"));
}

TEST_CASE("the cache never holds more than its limit; the newest stay") {
  CredentialCache cache({.entries = 64, .age = 60s});
  int held = 0;
  for (int i = 0; i < 10'000; ++i) cache.remember(cache.key("bob", "hash", std::to_string(i)), start + i * 1ms);
  for (int i = 0; i < 10'000; ++i) held += cache.holds(cache.key("bob", "hash", std::to_string(i)), start + 10s);
  CHECK(held == 64);
  CHECK(cache.holds(cache.key("bob", "hash", "9999"), start + 10s));
}
