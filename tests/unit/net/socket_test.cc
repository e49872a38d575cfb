#include "net/socket.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "unit/async/peer_closes.h"
#include "unit/net/net_fixture.h"

using namespace caisson;
using caisson::async_test::peer_closes;
using namespace caisson::net_test;

namespace {

Task<std::string> read_all(Transport& from) {
  std::string all;
  std::vector<std::byte> buffer(64 * 1024);
  for (;;) {
    const std::size_t n = co_await from.read(buffer, 10s);
    if (n == 0) co_return all;
    all += text::view_of(std::span(buffer).first(n));
  }
}

Task<void> write_all(Transport& to, std::string_view text) {
  co_await to.write(text::bytes_of(text), 10s);
  co_await to.shutdown(10s);
}

}  // namespace

TEST_CASE("what is written arrives in order, although it is far more than the socket holds") {
  std::string sent;
  for (int i = 0; sent.size() < 8 * 1024 * 1024; ++i) sent += std::to_string(i);
  std::string received;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, const std::string& out, std::string& in) -> Task<void> {
      auto [a, b] = socket_pair();
      PlainTransport left(l, std::move(a));
      PlainTransport right(l, std::move(b));
      auto ends = co_await both(write_all(left, out), read_all(right));
      in = std::move(ends.second);
    }(loop, sent, received);
  });
  CHECK((received == sent));
}

TEST_CASE("pieces go out as one text, whatever their number and size") {
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    texts.push_back(std::string(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26)));
    expected += texts.back();
  }
  std::string received;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, const std::vector<std::string>& out, std::string& in) -> Task<void> {
      auto [a, b] = socket_pair();
      PlainTransport left(l, std::move(a));
      PlainTransport right(l, std::move(b));
      std::vector<std::span<const std::byte>> pieces;
      for (const std::string& text : out) pieces.push_back(text::bytes_of(text));
      co_await left.write(pieces, 10s);
      co_await left.shutdown(10s);
      in = co_await read_all(right);
    }(loop, texts, received);
  });
  CHECK(received == expected);
}

TEST_CASE("reading and writing end with TimedOut when nothing moves") {
  int timeouts = 0;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int& count) -> Task<void> {
      auto [a, b] = socket_pair();
      PlainTransport left(l, std::move(a));
      std::array<std::byte, 16> little;
      try {
        co_await left.read(little, 1ms);
      } catch (const async::TimedOut&) {
        ++count;
      }
      try {
        co_await left.wait_readable(1ms);
      } catch (const async::TimedOut&) {
        ++count;
      }
      const std::vector<std::byte> much(16 * 1024 * 1024);
      try {
        co_await left.write(much, 1ms);
      } catch (const async::TimedOut&) {
        ++count;
      }
    }(loop, timeouts);
  });
  CHECK(timeouts == 3);
}

TEST_CASE("a reset is ConnectionLost, for who reads and for who writes, and cancels who watches") {
  std::string read_said;
  std::string write_said;
  bool told = false;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, std::string& on_read, std::string& on_write, bool& closed) -> Task<void> {
      auto [a, b] = tcp_pair();
      PlainTransport left(l, std::move(a));
      {
        PlainTransport right(l, std::move(b));
        right.reset();
      }
      co_await peer_closes(left);
      closed = true;
      std::array<std::byte, 16> buffer{};
      try {
        co_await left.read(buffer, 10s);
      } catch (const ConnectionLost& lost) {
        on_read = lost.what();
      }
      try {
        co_await left.write(buffer, 10s);
      } catch (const ConnectionLost& lost) {
        on_write = lost.what();
      }
    }(loop, read_said, write_said, told);
  });
  CHECK(told);
  CHECK(read_said == "recv() failed (104: Connection reset by peer)");
  CHECK(write_said == "send() failed (32: Broken pipe)");
}

TEST_CASE("the watch for the peer's close sees a FIN behind unread bytes, which can still be read") {
  std::string rest;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, std::string& in) -> Task<void> {
      auto [a, b] = tcp_pair();
      PlainTransport left(l, std::move(a));
      PlainTransport right(l, std::move(b));
      co_await write_all(left, "goodbye");
      co_await peer_closes(right);
      in = co_await read_all(right);
    }(loop, rest);
  });
  CHECK(rest == "goodbye");
}

TEST_CASE("cancelling ends a read, which leaves the stream good for another") {
  std::string read_later;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, std::string& in) -> Task<void> {
      auto [a, b] = socket_pair();
      PlainTransport left(l, std::move(a));
      PlainTransport right(l, std::move(b));
      std::array<std::byte, 16> buffer{};
      const auto outcome = co_await async::any(right.read(buffer, 10s), l.sleep_for(1ms));
      CHECK(outcome.index() == 1);
      co_await write_all(left, "later");
      in = co_await read_all(right);
    }(loop, read_later);
  });
  CHECK(read_later == "later");
}

TEST_CASE("a stream that is always ready lets the loop turn") {
  int turns = 0;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int& count) -> Task<void> {
      auto [a, b] = socket_pair();
      PlainTransport left(l, std::move(a));
      PlainTransport right(l, std::move(b));
      bool over = false;
      const auto count_turns = [](Loop& inner, const bool& end, int& n) -> Task<void> {
        for (; !end; ++n) co_await inner.sleep_for(0ms);
      };
      // One coroutine moves all bytes: neither side ever has to wait.
      const auto move_bytes = [](PlainTransport& from, PlainTransport& to, bool& end) -> Task<void> {
        std::vector<std::byte> buffer(16 * 1024);
        for (int i = 0; i < 256; ++i) {
          co_await from.write(buffer, 10s);
          for (std::size_t got = 0; got < buffer.size();) got += co_await to.read(buffer, 10s);
        }
        end = true;
      };
      co_await both(move_bytes(left, right, over), count_turns(l, over, count));
    }(loop, turns);
  });
  CHECK(turns >= 8);  // 4 MiB in shares of 256 KiB, twice
}

TEST_CASE("connect says in nginx's words why it failed") {
  std::string said;
  std::string unix_said;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop&, std::string& tcp, std::string& local) -> Task<void> {
      Address nobody;
      {
        auto listener = open_listener(*Address::from_ip("127.0.0.1", 0), {});
        REQUIRE(listener.ok());
        nobody = local_address(listener.value().get());
      }
      auto refused = co_await connect(nobody, 10s);
      if (!refused.ok()) tcp = refused.error().what;
      auto absent = co_await connect(*Address::from_unix_path("/nowhere/at/all"), 10s);
      if (!absent.ok()) local = absent.error().what;
    }(loop, said, unix_said);
  });
  CHECK(said == "connect() failed (111: Connection refused)");
  CHECK(unix_said == "connect() failed (2: No such file or directory)");
}

TEST_CASE("connect gives up when the peer does not answer in time") {
  bool timed_out = false;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop&, bool& seen) -> Task<void> {
      // A full backlog leaves further SYNs unanswered.
      ListenOptions tiny;
      tiny.backlog = 0;
      auto listener = open_listener(*Address::from_ip("127.0.0.1", 0), tiny);
      REQUIRE(listener.ok());
      const Address address = local_address(listener.value().get());
      std::vector<Fd> waiting;
      try {
        for (int i = 0; i < 8; ++i) {
          auto connected = co_await connect(address, 20ms);
          REQUIRE(connected.ok());
          waiting.push_back(std::move(connected).value());
        }
      } catch (const async::TimedOut&) {
        seen = true;
      }
    }(loop, timed_out);
  });
  CHECK(timed_out);
}
