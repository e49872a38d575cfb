#include "tls/sessions.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using namespace caisson::tls;

TEST_CASE("a session cache keeps what was put, until it is removed or replaced") {
  SessionCache cache(100'000);
  cache.put("id", "one");
  CHECK(cache.find("id") == "one");
  cache.put("id", "two");
  CHECK(cache.find("id") == "two");
  CHECK(cache.size() == 1);
  cache.remove("id");
  CHECK_FALSE(cache.find("id"));
  CHECK(cache.size() == 0);
}

TEST_CASE("a full session cache forgets the oldest") {
  SessionCache cache(10'000);
  for (int i = 0; i < 1000; ++i) cache.put(std::to_string(i), std::string(500, 'x'));
  CHECK(cache.size() < 20);
  CHECK(cache.find("999"));
  CHECK_FALSE(cache.find("0"));
  cache.put("large", std::string(20'000, 'x'));  // more than all of it
  CHECK(cache.size() == 0);
}

TEST_CASE("a ring of ticket keys seals with the newest and opens with those it kept") {
  TicketKeys keys;
  const TicketKey first = keys.newest();
  keys.rotate(2);
  REQUIRE(keys.find(first.name));
  CHECK_FALSE(keys.find(first.name)->newest);
  CHECK(keys.find(keys.newest().name)->newest);
  keys.rotate(2);
  CHECK_FALSE(keys.find(first.name));
  CHECK(keys.all().size() == 2);
}

TEST_CASE("threads share a cache and a ring") {
  SessionCache cache(50'000);
  TicketKeys keys;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string id = std::to_string(i % 100);
        cache.put(id, std::string(static_cast<std::size_t>(t + 1), 'x'));
        (void)cache.find(id);
        if (i % 7 == 0) cache.remove(id);
        if (i % 100 == 0) keys.rotate();
        (void)keys.find(keys.newest().name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(cache.size() <= 100);
  CHECK(keys.all().size() == 3);
}
