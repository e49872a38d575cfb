#include "net/listener.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "unit/net/net_fixture.h"
#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::net_test;

namespace {

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

Fd loopback_listener() {
  auto listener = open_listener(*Address::from_ip("127.0.0.1", 0), {});
  REQUIRE(listener.ok());
  return std::move(listener).value();
}

}  // namespace

TEST_CASE("accepted sockets inherit TCP_NODELAY and keep-alive") {
  const auto [client, server] = tcp_pair();
  CHECK(option(server.get(), IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(server.get(), SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(server.get(), IPPROTO_TCP, TCP_KEEPIDLE) == 60);
}

TEST_CASE("a port in use is refused in nginx's words") {
  const Fd first = loopback_listener();
  const Address address = local_address(first.get());
  auto second = open_listener(address, {});
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().what == "bind() to " + address.text() + " failed (98: Address already in use)");
}

TEST_CASE("an IPv6 wildcard leaves IPv4 alone") {
  auto six = open_listener(*Address::from_ip("::", 0), {});
  REQUIRE(six.ok());
  auto four = open_listener(Address::any_v4(local_address(six.value().get()).port()), {});
  CHECK(four.ok());
}

TEST_CASE("everybody may connect to a unix socket, as with nginx") {
  const TemporaryFolder folder;
  const std::string path = folder.path("s");
  auto listener = open_listener(*Address::from_unix_path(path), {});
  REQUIRE(listener.ok());
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0666);
}

TEST_CASE("an acceptor hands over each connection with its peer's address, until it is cancelled") {
  std::vector<std::string> accepted;
  std::vector<std::string> expected;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, std::vector<std::string>& seen, std::vector<std::string>& wanted) -> Task<void> {
      const Fd listener = loopback_listener();
      async::Signal all;
      Acceptor acceptor(l, listener.get(),
                        [&](Fd socket, const Address& peer) {
                          CHECK(socket);
                          seen.push_back(peer.text());
                          if (seen.size() == 100) all.set();
                        },
                        {});
      std::vector<Fd> clients;
      const auto connect_all = [](const Address to, std::vector<Fd>& sockets, async::Signal& done) -> Task<void> {
        for (int i = 0; i < 100; ++i) {
          auto socket = co_await connect(to, 10s);
          REQUIRE(socket.ok());
          sockets.push_back(std::move(socket).value());
        }
        co_await done.wait();
      };
      const auto outcome =
          co_await async::any(acceptor.run(), connect_all(local_address(listener.get()), clients, all));
      CHECK(outcome.index() == 1);
      for (const Fd& client : clients) wanted.push_back(local_address(client.get()).text());
    }(loop, accepted, expected);
  });
  CHECK(accepted == expected);
}

TEST_CASE("without descriptors an acceptor sheds what comes, and accepts again when there are some") {
  int accepted = 0;
  std::string shed_read = "nothing";
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int& count, std::string& shed) -> Task<void> {
      const Fd listener = loopback_listener();
      const Address address = local_address(listener.get());
      async::Signal one;
      Acceptor acceptor(l, listener.get(),
                        [&](Fd, const Address&) {
                          ++count;
                          one.set();
                        },
                        {});
      const auto story = [](Loop& inner, const Address to, async::Signal& taken, std::string& seen) -> Task<void> {
        auto first = co_await connect(to, 10s);
        REQUIRE(first.ok());
        co_await taken.wait();
        taken.reset();

        auto second = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        rlimit normal{};
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &normal) == 0);
        const int next_free = ::dup(second.get());
        ::close(next_free);
        rlimit none = normal;
        none.rlim_cur = static_cast<rlim_t>(next_free);
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
        REQUIRE(::connect(second.get(), to.get(), to.size()) == 0);
        const int flags = O_NONBLOCK;
        REQUIRE(::fcntl(second.get(), F_SETFL, flags) == 0);
        PlainTransport shed_one(inner, std::move(second));
        std::array<std::byte, 16> buffer{};
        const std::size_t n = co_await shed_one.read(buffer, 10s);
        seen = n == 0 ? "closed" : "bytes";
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &normal) == 0);

        auto third = co_await connect(to, 10s);
        REQUIRE(third.ok());
        co_await taken.wait();
      };
      co_await async::any(acceptor.run(), story(l, address, one, shed));
    }(loop, accepted, shed_read);
  });
  CHECK(shed_read == "closed");
  CHECK(accepted == 2);
}
