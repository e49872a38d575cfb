#include "net/dns_message.h"

#include <doctest/doctest.h>

using namespace caisson::net;
using namespace std::string_literals;

namespace {

// "\x01a\x07example\0" and the rest of a question for an address.
const std::string question = "\x01"s + "a" + "\x07"s + "example" + "\0\0\x01\0\x01"s;
const std::string header = "\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0"s;
// The owner is where the question has it; type A, class IN, ttl 300.
const std::string record = "\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\x0a\0\0\x07"s;

std::optional<dns::Answer> parsed(const std::string& bytes) {
  return dns::parse_answer(bytes, "A.example", dns::Type::A);
}

}  // namespace

TEST_CASE("a query asks one question, recursively") {
  CHECK(dns::query(0x1234, "a.example", dns::Type::A) == "\x12\x34\x01\0\0\x01\0\0\0\0\0\0"s + question);
  CHECK(dns::query(0x1234, "a.example.", dns::Type::A) == dns::query(0x1234, "a.example", dns::Type::A));
  for (const std::string name : {"", ".", "a..b", ".a"}) CHECK_FALSE(dns::query(1, name, dns::Type::A));
  CHECK(dns::query(1, std::string(63, 'a') + ".b", dns::Type::Aaaa));
  CHECK_FALSE(dns::query(1, std::string(64, 'a') + ".b", dns::Type::Aaaa));
}

TEST_CASE("addresses and the least time to live are read from an answer") {
  const auto answer = parsed(header + question + record);
  REQUIRE(answer);
  CHECK(answer->id == 0x1234);
  REQUIRE(answer->addresses.size() == 1);
  CHECK(answer->addresses[0].ip() == "10.0.0.7");
  CHECK(answer->ttl == 300);

  std::string two = header + question + "\xc0\x0c\0\x05\0\x01\0\0\0\x05\0\x04\x01"s + "B\xc0\x0e" + record;
  two[7] = 2;
  const auto alias = parsed(two);
  REQUIRE(alias);
  CHECK(alias->alias == "b.example");
  CHECK(alias->addresses.size() == 1);
  CHECK(alias->ttl == 5);
}

TEST_CASE("what is no answer to the question does not count") {
  const std::string good = header + question + record;
  for (std::size_t cut = 0; cut < good.size(); ++cut) CHECK_FALSE(parsed(good.substr(0, cut)));
  CHECK_FALSE(dns::parse_answer(good, "b.example", dns::Type::A));
  CHECK_FALSE(dns::parse_answer(good, "a.example", dns::Type::Aaaa));
  std::string asks = good;
  asks[2] = '\x01';
  CHECK_FALSE(parsed(asks));  // a query, not an answer
  std::string wide = good;
  wide[header.size() + question.size() + 11] = 3;
  CHECK_FALSE(parsed(wide));  // an address of three bytes
}

TEST_CASE("names whose compression goes in circles, or beyond the message, are malformed") {
  CHECK_FALSE(parsed(header + "\xc0\x0c\0\x01\0\x01"s));
  CHECK_FALSE(parsed(header + "\xc0\xff\0\x01\0\x01"s));
  CHECK_FALSE(parsed(header + question + "\xc0\x1b\0\x01\0\x01\0\0\x01\x2c\0\x04\x0a\0\0\x07"s));
}

TEST_CASE("refusals and truncation are told without looking at records") {
  std::string refused = header + question;
  refused[3] = '\x83';
  CHECK(parsed(refused)->code == dns::Code::NoSuchName);
  CHECK(dns::describe(dns::Code::NoSuchName) == "3: Host not found");
  std::string cut = header + question;
  cut[2] = '\x83';
  CHECK(parsed(cut)->truncated);
}
