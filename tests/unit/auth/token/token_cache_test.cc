#include "auth/token/token_cache.h"

#include <doctest/doctest.h>

#include "unit/auth/token/token_fixture.h"

using namespace caisson::auth::token;

namespace {

std::shared_ptr<const TrustedKeys> some_keys() {
  static const token_test::Signer signer = token_test::Signer::ec("P-256");
  return TrustedKeys::parse({{"/k", signer.pem()}}).value();
}

}  // namespace

TEST_CASE("a token is remembered for its keys, for a time, and the oldest is forgotten first") {
  TokenCache cache({2, 1000, std::chrono::seconds(10)});
  const auto keys = some_keys();
  const auto others = some_keys();
  const auto claims = std::make_shared<const Claims>();
  const TokenCache::Time now{};
  cache.remember("a", keys, claims, now);
  CHECK(cache.find("a", *keys, now) == claims);
  CHECK(cache.find("a", *keys, now + std::chrono::seconds(10)) == nullptr);
  CHECK(cache.find("a", *others, now) == nullptr);
  CHECK(cache.find("b", *keys, now) == nullptr);
  cache.remember("a", others, claims, now);
  CHECK(cache.find("a", *others, now) == claims);
  cache.remember("b", keys, claims, now);
  cache.remember("c", keys, claims, now);
  CHECK(cache.find("a", *others, now) == nullptr);
  CHECK(cache.find("b", *keys, now) == claims);
  CHECK(cache.find("c", *keys, now) == claims);
}

TEST_CASE("the tokens that are remembered have room in all, however large each is") {
  TokenCache cache({100, 1000, std::chrono::seconds(10)});
  const auto keys = some_keys();
  const auto claims = std::make_shared<const Claims>();
  const TokenCache::Time now{};
  const std::string first(600, 'a');
  const std::string second(600, 'b');
  const std::string huge(1001, 'c');
  cache.remember(first, keys, claims, now);
  cache.remember(second, keys, claims, now);
  cache.remember(huge, keys, claims, now);
  CHECK(cache.find(first, *keys, now) == nullptr);
  CHECK(cache.find(second, *keys, now) == claims);
  CHECK(cache.find(huge, *keys, now) == nullptr);
}
