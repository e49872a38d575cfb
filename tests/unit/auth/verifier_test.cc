#include "auth/verifier.h"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace caisson;
using namespace std::chrono_literals;
using async::Task;
using auth::Htpasswd;
using auth::Verdict;
using auth::Verifier;
using Outcome = Verdict::Outcome;

namespace {

// bob's password is "secret pw".
constexpr std::string_view bcrypt_line = "bob:$2y$04$.ZChi1J/SLOKd51oQTYcMOlba1AChej.oDZLg5mjAkZXBAg38K8dW\n";

std::shared_ptr<const Htpasswd> file_of(std::string_view text) {
  return std::make_shared<const Htpasswd>(Htpasswd::parse(text, "users"));
}

// Keeps the pool's only thread busy until it is opened, so that a test decides when hashing begins.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void wait_until_reached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

Task<void> occupy(async::BlockingPool& pool, Gate& gate) {
  const auto wait = [&gate] { gate.pass(); };
  co_await pool.run(wait);
}

Task<void> check(Verifier& verifier, std::shared_ptr<const Htpasswd> users, std::string user, std::string password,
                 std::string source, Verdict& verdict) {
  verdict = co_await verifier.verify(std::move(users), user, password, source);
}

// One check after the other, each to its end.
Verdict run_check(Verifier& verifier, const std::shared_ptr<const Htpasswd>& users, std::string user,
                  std::string password, std::string source = "1.2.3.4") {
  async::Loop loop;
  Verdict verdict;
  loop.spawn(check(verifier, users, std::move(user), std::move(password), std::move(source), verdict));
  loop.stop_when_idle();
  loop.run();
  return verdict;
}

}  // namespace

TEST_CASE("a right password is hashed once, then remembered until its line changes") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  const auto users = file_of(bcrypt_line);
  for (int i = 0; i < 20; ++i) CHECK(run_check(verifier, users, "bob", "secret pw").outcome == Outcome::Accepted);
  CHECK(verifier.hashings() == 1);

  CHECK(run_check(verifier, file_of("# moved down\n" + std::string(bcrypt_line)), "bob", "secret pw").outcome ==
        Outcome::Accepted);
  CHECK(verifier.hashings() == 1);
  CHECK(run_check(verifier, file_of("bob:{SHA}rS7uKHTXnyVCt9RR2Lh+fJ2k/DM=\n"), "bob", "secret pw").outcome ==
        Outcome::Accepted);
  CHECK(verifier.hashings() == 2);
  CHECK(run_check(verifier, file_of("eve:{PLAIN}x\n"), "bob", "secret pw").outcome == Outcome::Denied);
}

TEST_CASE("a wrong password is hashed each time and never remembered") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  const auto users = file_of(bcrypt_line);
  for (int i = 0; i < 3; ++i) CHECK(run_check(verifier, users, "bob", "wrong").outcome == Outcome::Denied);
  CHECK(verifier.hashings() == 3);
}

TEST_CASE("an unknown user, and one whose line is damaged, cost one hash and are denied whatever the password") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  const auto users = file_of(std::string(bcrypt_line) + "broken:$9$x\n");
  std::uint64_t hashings = 0;
  for (const char* user : {"nobody", "broken", "bo", "bob2", ""}) {
    // bob's own password must not let in those whose decoy is bob's hash.
    for (int i = 0; i < 2; ++i) {
      CHECK(run_check(verifier, users, user, "secret pw").outcome == Outcome::Denied);
      CHECK(verifier.hashings() == ++hashings);
    }
  }
}

TEST_CASE("a file in which nobody can log in denies without hashing") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  CHECK(run_check(verifier, file_of("testuser test123\n"), "testuser", "test123").outcome == Outcome::Denied);
  CHECK(verifier.hashings() == 0);
}

TEST_CASE("checks of one credential that come together share one hashing") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  const auto users = file_of(bcrypt_line);
  for (const auto& [password, expected] :
       {std::pair("secret pw", Outcome::Accepted), std::pair("wrong", Outcome::Denied)}) {
    const std::uint64_t before = verifier.hashings();
    std::vector<Verdict> verdicts(30);
    async::Loop loop;
    Gate gate;
    loop.spawn(occupy(pool, gate));
    gate.wait_until_reached();
    for (Verdict& verdict : verdicts) loop.spawn(check(verifier, users, "bob", password, "1.2.3.4", verdict));
    gate.open();
    loop.stop_when_idle();
    loop.run();
    for (const Verdict& verdict : verdicts) CHECK(verdict.outcome == expected);
    CHECK(verifier.hashings() == before + 1);
  }
}

TEST_CASE("checks of one credential on several loops share one hashing") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  const auto users = file_of(bcrypt_line);
  Gate gate;
  std::thread occupier([&] {
    async::Loop loop;
    loop.spawn(occupy(pool, gate));
    loop.stop_when_idle();
    loop.run();
  });
  gate.wait_until_reached();
  std::vector<Verdict> verdicts(4);
  std::vector<std::thread> loops;
  std::atomic<int> started = 0;
  for (Verdict& verdict : verdicts) {
    loops.emplace_back([&] {
      async::Loop loop;
      loop.spawn(check(verifier, users, "bob", "secret pw", "1.2.3.4", verdict));
      ++started;
      loop.stop_when_idle();
      loop.run();
    });
  }
  // spawn() runs a task up to its first wait: all four now lead or have joined.
  while (started < 4) std::this_thread::yield();
  gate.open();
  for (std::thread& thread : loops) thread.join();
  occupier.join();
  for (const Verdict& verdict : verdicts) CHECK(verdict.outcome == Outcome::Accepted);
  CHECK(verifier.hashings() == 1);
}

TEST_CASE("a full queue is Busy at once, and known credentials still pass") {
  async::BlockingPool pool(1, 1);
  Verifier verifier(pool, {});
  const auto users = file_of(std::string(bcrypt_line) + "eve:{PLAIN}x\n");
  REQUIRE(run_check(verifier, users, "eve", "x").outcome == Outcome::Accepted);
  async::Loop loop;
  Gate gate;
  Verdict queued, refused, known;
  loop.spawn(occupy(pool, gate));
  gate.wait_until_reached();
  loop.spawn(check(verifier, users, "bob", "one", "1.2.3.4", queued));
  loop.spawn(check(verifier, users, "bob", "two", "1.2.3.4", refused));
  loop.spawn(check(verifier, users, "eve", "x", "1.2.3.4", known));
  CHECK(refused.outcome == Outcome::Busy);
  CHECK(refused.retry_after >= 1s);
  CHECK(known.outcome == Outcome::Accepted);
  gate.open();
  loop.stop_when_idle();
  loop.run();
  CHECK(queued.outcome == Outcome::Denied);
}

TEST_CASE("a flood of wrong passwords uses up its own address's budget only") {
  async::BlockingPool pool(1, 100);
  Verifier verifier(pool, {.failures = {.burst = 5, .per_second = 0.001, .waiting = 0}});
  const auto users = file_of(bcrypt_line);
  int busy = 0;
  for (int i = 0; i < 20; ++i) {
    const Verdict verdict = run_check(verifier, users, "bob", "guess" + std::to_string(i), "6.6.6.6");
    busy += verdict.outcome == Outcome::Busy;
  }
  CHECK(busy == 15);
  CHECK(verifier.hashings() == 5);
  CHECK(run_check(verifier, users, "bob", "secret pw", "6.6.6.6").outcome == Outcome::Busy);
  CHECK(run_check(verifier, users, "bob", "secret pw", "1.2.3.4").outcome == Outcome::Accepted);
  // Known by now, so the flooded address passes too.
  CHECK(run_check(verifier, users, "bob", "secret pw", "6.6.6.6").outcome == Outcome::Accepted);
}

TEST_CASE("who is over budget waits for a turn, and is answered then") {
  async::BlockingPool pool(1, 100);
  Verifier verifier(pool, {.failures = {.burst = 1, .per_second = 50, .waiting = 10}});
  const auto users = file_of(bcrypt_line);
  std::vector<Verdict> verdicts(5, Verdict{Outcome::Busy, {}});
  async::Loop loop;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    loop.spawn(check(verifier, users, "bob", "guess" + std::to_string(i), "6.6.6.6", verdicts[i]));
  }
  loop.stop_when_idle();
  loop.run();
  for (const Verdict& verdict : verdicts) CHECK(verdict.outcome == Outcome::Denied);
  CHECK(verifier.hashings() == 5);
}

TEST_CASE("a leader that is given up still answers those who joined, and its failure is charged") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {.failures = {.burst = 1, .per_second = 0.001, .waiting = 0}});
  const auto users = file_of(bcrypt_line);
  async::Loop loop;
  async::CancelScope scope;
  Gate gate;
  Verdict left{Outcome::Busy, {}}, stayed{Outcome::Busy, {}};
  loop.spawn(occupy(pool, gate));
  gate.wait_until_reached();
  loop.spawn(check(verifier, users, "bob", "wrong", "1.1.1.1", left), &scope);
  loop.spawn(check(verifier, users, "bob", "wrong", "2.2.2.2", stayed));
  scope.cancel();
  gate.open();
  loop.stop_when_idle();
  loop.run();
  CHECK(left.outcome == Outcome::Busy);  // its task ended by Cancelled
  CHECK(stayed.outcome == Outcome::Denied);
  CHECK(verifier.hashings() == 1);
  CHECK(run_check(verifier, users, "bob", "again", "1.1.1.1").outcome == Outcome::Busy);
  CHECK(run_check(verifier, users, "bob", "again", "2.2.2.2").outcome == Outcome::Denied);
}

TEST_CASE("one who joined may leave without harm to the leader") {
  async::BlockingPool pool(1, 10);
  Verifier verifier(pool, {});
  const auto users = file_of(bcrypt_line);
  async::Loop loop;
  async::CancelScope scope;
  Gate gate;
  Verdict leads, joined{Outcome::Busy, {}};
  loop.spawn(occupy(pool, gate));
  gate.wait_until_reached();
  loop.spawn(check(verifier, users, "bob", "secret pw", "1.1.1.1", leads));
  loop.spawn(check(verifier, users, "bob", "secret pw", "1.1.1.1", joined), &scope);
  scope.cancel();
  gate.open();
  loop.stop_when_idle();
  loop.run();
  CHECK(leads.outcome == Outcome::Accepted);
  CHECK(joined.outcome == Outcome::Busy);
}

TEST_CASE("memory-hard hashes never hold more than the limit together") {
  auth::MemoryGate gate(100);
  std::atomic<int> inside = 0, most = 0, over = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const int bytes = t % 2 == 0 ? 60 : 40;
      for (int i = 0; i < 500; ++i) {
        const auth::MemoryGate::Pass pass(gate, static_cast<std::uint64_t>(bytes));
        const int now = inside += bytes;
        if (now > 100) ++over;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
        std::this_thread::yield();
        inside -= bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(over == 0);
  CHECK(most == 100);
  const auth::MemoryGate::Pass larger_than_all(gate, 1000);  // alone, but not never
}
