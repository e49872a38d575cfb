#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "async/buffer.h"
#include "async/join.h"
#include "async/loop.h"
#include "async/pool.h"
#include "base/handle.h"
#include "unit/async/peer_closes.h"
#include "unit/async/run.h"

using namespace caisson;
using namespace caisson::async_test;
using namespace caisson::async;
using namespace std::chrono_literals;

namespace {

Task<int> one() { co_return 1; }
Task<int> fails() {
  throw std::runtime_error("broken");
  co_return 0;
}
Task<void> forever(Loop& loop, bool& cancelled) {
  try {
    co_await loop.sleep_for(1h);
  } catch (const Cancelled&) {
    cancelled = true;
    throw;
  }
}

}  // namespace

TEST_CASE("two million awaits that are ready at once do not grow the stack") {
  long sum = 0;
  run([&](Loop&) -> Task<void> {
    return [](long& total) -> Task<void> {
      for (int i = 0; i < 2'000'000; ++i) total += co_await one();
    }(sum);
  });
  CHECK(sum == 2'000'000);
}

TEST_CASE("what a task throws comes out where it is awaited") {
  bool caught = false;
  run([&](Loop&) -> Task<void> {
    return [](bool& seen) -> Task<void> {
      try {
        co_await fails();
      } catch (const std::runtime_error&) {
        seen = true;
      }
    }(caught);
  });
  CHECK(caught);
}

TEST_CASE("any cancels and joins the slower branch") {
  bool cancelled = false;
  std::size_t winner = 9;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, bool& seen, std::size_t& index) -> Task<void> {
      auto outcome = co_await any(forever(l, seen), l.sleep_for(1ms));
      index = outcome.index();
    }(loop, cancelled, winner);
  });
  CHECK(cancelled);
  CHECK(winner == 1);
}

TEST_CASE("both cancels and joins the other branch when one fails, and rethrows") {
  bool cancelled = false;
  CHECK_THROWS_AS(run([&](Loop& loop) -> Task<void> {
                    return [](Loop& l, bool& seen) -> Task<void> { co_await both(forever(l, seen), fails()); }(
                                                       loop, cancelled);
                  }),
                  std::runtime_error);
  CHECK(cancelled);
}

TEST_CASE("a deadline ends a task with TimedOut") {
  bool cancelled = false;
  CHECK_THROWS_AS(run([&](Loop& loop) -> Task<void> {
                    return [](Loop& l, bool& seen) -> Task<void> { co_await with_deadline(1ms, forever(l, seen)); }(
                                                       loop, cancelled);
                  }),
                  TimedOut);
  CHECK(cancelled);
}

TEST_CASE("a wait under a cancelled scope ends at once, a shielded one does not") {
  int reached = 0;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int& steps) -> Task<void> {
      co_await any(
          [](Loop& inner, int& s) -> Task<void> {
            try {
              co_await inner.sleep_for(1h);
            } catch (const Cancelled&) {
              s = 1;
            }
            co_await shielded(inner.sleep_for(1ms));
            s = 2;
            co_await inner.sleep_for(1ms);  // throws
            s = 3;
          }(l, steps),
          l.sleep_for(1ms));
    }(loop, reached);
  });
  CHECK(reached == 2);
}

TEST_CASE("stop cancels spawned tasks and run returns when they have ended") {
  Loop loop;
  bool cancelled = false;
  loop.spawn(forever(loop, cancelled));
  loop.post([&] { loop.stop(); });
  loop.run();
  CHECK(cancelled);
}

TEST_CASE("a descriptor becomes readable, times out, and tells that its peer closed") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  const Fd a(pair[0]);
  Fd b(pair[1]);
  std::string seen;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int fd, Fd& peer, std::string& log) -> Task<void> {
      Pollable poll(l, fd);
      try {
        co_await poll.readable(1ms);
      } catch (const TimedOut&) {
        log += "timeout ";
      }
      REQUIRE(::write(peer.get(), "x", 1) == 1);
      co_await poll.readable(10s);
      log += "readable ";
      peer.reset();
      co_await peer_closes(poll);
      log += "closed";
    }(loop, a.get(), b, seen);
  });
  CHECK(seen == "timeout readable closed");
}

TEST_CASE("each wait has its own limit, whatever the one before it had") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  const Fd a(pair[0]);
  const Fd b(pair[1]);
  std::string seen;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int fd, int peer, std::string& log) -> Task<void> {
      Pollable poll(l, fd);
      const auto wait = [](Pollable& on, std::chrono::milliseconds limit, std::string& told) -> Task<void> {
        try {
          co_await on.readable(limit);
          told += "readable ";
        } catch (const TimedOut&) {
          told += "timeout ";
        }
      };
      char byte = 'x';
      REQUIRE(::write(peer, &byte, 1) == 1);
      co_await wait(poll, 1h, log);
      REQUIRE(::read(fd, &byte, 1) == 1);
      co_await wait(poll, 2ms, log);  // shorter than the hour that was never over

      REQUIRE(::write(peer, &byte, 1) == 1);
      co_await wait(poll, 5ms, log);
      REQUIRE(::read(fd, &byte, 1) == 1);
      // Those five milliseconds pass while somebody waits for longer, and while somebody waits for ever.
      const auto later = [](Loop& on, int to) -> Task<void> {
        co_await on.sleep_for(20ms);
        const char one = 'x';
        REQUIRE(::write(to, &one, 1) == 1);
      };
      co_await both(wait(poll, 10s, log), later(l, peer));
      REQUIRE(::read(fd, &byte, 1) == 1);
      co_await wait(poll, 2ms, log);
      co_await both(wait(poll, no_timeout, log), later(l, peer));
    }(loop, a.get(), b.get(), seen);
  });
  CHECK(seen == "readable timeout readable readable timeout readable ");
}

// libevent alone reports a reset as readable and writable only, and spins when nobody waits for either.
TEST_CASE("a reset ends the wait for the peer's close, also with unread bytes before it") {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Fd peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(peer.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  const Fd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  REQUIRE(accepted);

  int seen = 0;
  run([&](Loop& loop) -> Task<void> {
    return [](Loop& l, int fd, Fd& other, int& count) -> Task<void> {
      Pollable poll(l, fd);
      REQUIRE(::write(other.get(), "x", 1) == 1);
      const linger now{1, 0};
      REQUIRE(::setsockopt(other.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
      const auto outcome = co_await any(peer_closes(poll), [](Loop& inner, Fd& end) -> Task<void> {
        co_await inner.sleep_for(1ms);  // the wait stands before the reset comes
        end.reset();
        co_await inner.sleep_for(10s);
      }(l, other));
      if (outcome.index() == 0) ++count;
      co_await peer_closes(poll);  // what is over stays over
      ++count;
    }(loop, accepted.get(), peer, seen);
  });
  CHECK(seen == 2);
}

TEST_CASE("a pool runs work on another thread and resumes on the loop's") {
  BlockingPool pool(2, 8);
  const auto here = std::this_thread::get_id();
  bool elsewhere = false;
  bool back = false;
  run([&](Loop&) -> Task<void> {
    return [](BlockingPool& p, std::thread::id loop_thread, bool& e, bool& b) -> Task<void> {
      const auto there = co_await p.run([] { return std::this_thread::get_id(); });
      e = there != loop_thread;
      b = std::this_thread::get_id() == loop_thread;
      bool thrown = false;
      try {
        co_await p.run([] { throw std::runtime_error("job"); });
      } catch (const std::runtime_error&) {
        thrown = true;
      }
      CHECK(thrown);
    }(pool, here, elsewhere, back);
  });
  CHECK(elsewhere);
  CHECK(back);
}

TEST_CASE("a full pool says Busy") {
  BlockingPool pool(1, 0);
  CHECK_THROWS_AS(
      run([&](Loop&) -> Task<void> { return [](BlockingPool& p) -> Task<void> { co_await p.run([] {}); }(pool); }),
      Busy);
}

TEST_CASE("a signal wakes all that wait for it") {
  int woken = 0;
  Signal signal;
  run([&](Loop& loop) -> Task<void> {
    const auto waits = [](Signal& s, int& count) -> Task<void> {
      co_await s.wait();
      ++count;
    };
    loop.spawn(waits(signal, woken));
    loop.spawn(waits(signal, woken));
    return [](Signal& s) -> Task<void> {
      s.set();
      co_return;
    }(signal);
  });
  CHECK(woken == 2);
}

TEST_CASE("a block is recycled after its last share is gone") {
  std::byte* first = nullptr;
  {
    const BlockRef a = Block::take();
    const BlockRef b = a;
    first = a->data();
  }
  CHECK(Block::take()->data() == first);
}
