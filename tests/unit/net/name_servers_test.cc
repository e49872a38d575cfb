#include "net/name_servers.h"

#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include "async/join.h"
#include "unit/net/net_fixture.h"

using namespace caisson;
using namespace caisson::net_test;

namespace {

// A name server on loopback, on a thread of its own: says what `answer` makes of each query; nothing for "".
class Server {
 public:
  using Says = std::function<std::string(const std::string& query)>;

  explicit Server(Says says) : says_(std::move(says)), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const Address any = *Address::from_ip("127.0.0.1", 0);
    REQUIRE(::bind(fd_.get(), any.get(), any.size()) == 0);
    address_ = local_address(fd_.get());
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    const Fd waker(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::sendto(waker.get(), "", 0, 0, address_.get(), address_.size());
    thread_.join();
  }
  Address address() const { return address_; }
  std::atomic<int> asked = 0;

 private:
  void serve() {
    for (;;) {
      std::string query(512, '\0');
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(fd_.get(), query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n <= 0) return;
      query.resize(static_cast<std::size_t>(n));
      ++asked;
      const std::string answer = says_(query);
      if (!answer.empty())
        ::sendto(fd_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  Says says_;
  Fd fd_;
  Address address_;
  std::thread thread_;
};

// An answer to `query`: a code, and for an A query the last bytes of addresses 10.0.0.X.
std::string answer_to(const std::string& query, unsigned code, const std::vector<char>& addresses, char ttl = 60) {
  const bool of_v4 = query[query.size() - 3] == 1;
  std::string made = query;
  made[2] = static_cast<char>(0x81);
  made[3] = static_cast<char>(0x80 | code);
  made[7] = static_cast<char>(of_v4 ? addresses.size() : 0);
  if (!of_v4) return made;
  for (const char last : addresses) {
    made += std::string("\xc0\x0c\0\x01\0\x01\0\0\0", 9) + ttl + std::string("\0\x04\x0a\0\0", 5) + last;
  }
  return made;
}

std::string shown(const Result<std::vector<Address>>& found) {
  if (!found.ok()) return found.error().what;
  std::string text;
  for (const Address& address : found.value()) text += address.text() + ' ';
  return text;
}

// What several look-ups of one name give, one after the other.
std::vector<std::string> look_up(const NameServerSettings& settings, int times, Milliseconds limit = 5s) {
  std::vector<std::string> all;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, const NameServerSettings& s, int n, Milliseconds most,
              std::vector<std::string>& out) -> Task<void> {
      NameServers servers(l, s);
      for (int i = 0; i < n; ++i) out.push_back(shown(co_await servers.resolve("Registry.example", 5000, most)));
      while (l.spawned() > 1) co_await l.sleep_for(1ms);
    }(loop, settings, times, limit, all);
  });
  return all;
}

}  // namespace

TEST_CASE("an answer is kept, and each request begins with another address") {
  Server server([](const std::string& query) { return answer_to(query, 0, {1, 2}); });
  const auto found = look_up({{server.address()}, {}, true, true}, 3);
  CHECK(found[0] == "10.0.0.1:5000 10.0.0.2:5000 ");
  CHECK(found[1] == "10.0.0.2:5000 10.0.0.1:5000 ");
  CHECK(found[2] == found[0]);
  CHECK(server.asked == 2);  // for A and for AAAA
}

TEST_CASE("ipv6=off asks for IPv4 addresses only, and valid= counts more than what the server says") {
  Server server([](const std::string& query) { return answer_to(query, 0, {1}, 60); });
  look_up({{server.address()}, 0s, true, false}, 3);
  CHECK(server.asked == 3);
}

TEST_CASE("refusals have nginx's words and are not kept") {
  int n = 0;
  Server server([&](const std::string& query) { return answer_to(query, n++ == 0 ? 3 : 0, {1}); });
  const auto found = look_up({{server.address()}, {}, true, false}, 2);
  CHECK(found[0] == "3: Host not found");
  CHECK(found[1] == "10.0.0.1:5000 ");
}

TEST_CASE("a name without any address is not found") {
  Server server([](const std::string& query) { return answer_to(query, 0, {}); });
  CHECK(look_up({{server.address()}, {}, true, true}, 1)[0] == "3: Host not found");
}

TEST_CASE("who forges an id is not believed, and silence has a limit") {
  Server server([](std::string query) {
    query[0] = static_cast<char>(query[0] ^ 1);
    return answer_to(query, 0, {66});
  });
  CHECK(look_up({{server.address()}, {}, true, false}, 1, 200ms)[0] == "110: Operation timed out");
}

TEST_CASE("a server that does not listen costs no wait") {
  Address closed;
  {
    const Server gone([](const std::string&) { return std::string(); });
    closed = gone.address();
  }
  Server server([](const std::string& query) { return answer_to(query, 0, {1}); });
  const auto began = std::chrono::steady_clock::now();
  CHECK(look_up({{closed, server.address()}, {}, true, true}, 1)[0] == "10.0.0.1:5000 ");
  CHECK(std::chrono::steady_clock::now() - began < 3s);
}
