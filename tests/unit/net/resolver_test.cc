#include "net/resolver.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>

#include "unit/net/net_fixture.h"

using namespace caisson;
using namespace caisson::net_test;

namespace {

// A name server that tests script: counts what it is asked, and answers 10.0.0.N the Nth time, or fails.
struct NameServer {
  std::atomic<int> asked = 0;
  std::atomic<bool> down = false;

  Resolver::Lookup lookup() {
    return [this](const std::string&) -> Result<Addresses> {
      const int n = ++asked;
      if (down) return Error{ErrorCode::NotFound, "host not found"};
      return Addresses{*Address::from_ip("10.0.0." + std::to_string(n), 0)};
    };
  }
};

// Look-ups run beside the test's own task.
Task<void> background_ends(Loop& loop) {
  while (loop.spawned() > 1) co_await loop.sleep_for(1ms);
}

std::string shown(const Result<Resolver::Answer>& answer) {
  return answer.ok() ? answer.value().addresses.front().text() : answer.error().what;
}

}  // namespace

TEST_CASE("localhost is found, a name that cannot exist is not") {
  auto found = resolve_blocking("localhost");
  REQUIRE(found.ok());
  for (const Address& address : found.value()) CHECK(address.is_loopback());
  auto absent = resolve_blocking("no such host");
  REQUIRE_FALSE(absent.ok());
  CHECK(absent.error().what.starts_with("host not found"));
}

TEST_CASE("an answer is kept, and the port is the asker's") {
  NameServer server;
  async::BlockingPool pool(1, 8);
  std::string first;
  std::string second;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, async::BlockingPool& p, NameServer& s, std::string& a, std::string& b) -> Task<void> {
      Resolver resolver(l, p, 1h, s.lookup());
      a = shown(co_await resolver.resolve("registry", 5000));
      b = shown(co_await resolver.resolve("registry", 5001));
    }(loop, pool, server, first, second);
  });
  CHECK(first == "10.0.0.1:5000");
  CHECK(second == "10.0.0.1:5001");
  CHECK(server.asked == 1);
}

TEST_CASE("those who ask at the same time share one look-up") {
  NameServer server;
  async::BlockingPool pool(1, 8);
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, async::BlockingPool& p, NameServer& s) -> Task<void> {
      Resolver resolver(l, p, 1h, s.lookup());
      auto answers = co_await both(resolver.resolve("registry", 1), resolver.resolve("registry", 1));
      CHECK(shown(answers.first) == shown(answers.second));
    }(loop, pool, server);
  });
  CHECK(server.asked == 1);
}

TEST_CASE("an expired answer makes the next asker wait for a new one") {
  NameServer server;
  async::BlockingPool pool(1, 8);
  std::string after;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, async::BlockingPool& p, NameServer& s, std::string& text) -> Task<void> {
      Resolver resolver(l, p, 1h, s.lookup());
      (void)co_await resolver.resolve("registry", 1);
      resolver.expire("registry");
      text = shown(co_await resolver.resolve("registry", 1));
    }(loop, pool, server, after);
  });
  CHECK(after == "10.0.0.2:1");
}

TEST_CASE("an old answer is used while a new one is fetched, and outlives a name server that fails") {
  NameServer server;
  async::BlockingPool pool(1, 8);
  std::string while_fetching;
  std::string while_down;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, async::BlockingPool& p, NameServer& s, std::string& old, std::string& down) -> Task<void> {
      Resolver resolver(l, p, 0ms, s.lookup());
      (void)co_await resolver.resolve("registry", 1);
      old = shown(co_await resolver.resolve("registry", 1));
      co_await background_ends(l);
      s.down = true;
      resolver.expire("registry");
      down = shown(co_await resolver.resolve("registry", 1));
      co_await background_ends(l);  // it refers to the resolver
    }(loop, pool, server, while_fetching, while_down);
  });
  CHECK(while_fetching == "10.0.0.1:1");
  CHECK(while_down == "10.0.0.2:1");
}

TEST_CASE("a failure is told, and is over as soon as the name resolves") {
  NameServer server;
  server.down = true;
  async::BlockingPool pool(1, 8);
  std::string failed;
  std::string later;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, async::BlockingPool& p, NameServer& s, std::string& a, std::string& b) -> Task<void> {
      Resolver resolver(l, p, 1h, s.lookup());
      a = shown(co_await resolver.resolve("registry", 1));
      s.down = false;
      resolver.expire("registry");
      b = shown(co_await resolver.resolve("registry", 1));
    }(loop, pool, server, failed, later);
  });
  CHECK(failed == "host not found");
  CHECK(later == "10.0.0.2:1");
}

TEST_CASE("an asker who is cancelled does not spoil the answer for the others") {
  NameServer server;
  async::BlockingPool pool(1, 8);
  std::string answer;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, async::BlockingPool& p, NameServer& s, std::string& text) -> Task<void> {
      Resolver resolver(l, p, 1h, s.lookup());
      const auto outcome = co_await async::any(resolver.resolve("registry", 1), []() -> Task<void> { co_return; }());
      CHECK(outcome.index() == 1);
      text = shown(co_await resolver.resolve("registry", 1));
    }(loop, pool, server, answer);
  });
  CHECK(answer == "10.0.0.1:1");
  CHECK(server.asked == 1);
}
