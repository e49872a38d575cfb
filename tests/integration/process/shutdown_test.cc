// QUIT, TERM and INT.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <optional>

#include "integration/process/slow_client.h"
#include "integration/support.h"

using namespace integration;

TEST_CASE("QUIT waits for the request in hand and takes no new connections") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  std::optional<Connection> slow = slow_client(port, "one");
  server.master().signal(SIGQUIT);
  CHECK(eventually([&] { return Connection::refused(port); }));
  CHECK_FALSE(server.master().wait(std::chrono::milliseconds(50)).has_value());
  slow->send(the_other_half);
  CHECK(slow->read_to_end().ends_with("one"));
  slow.reset();
  CHECK(server.master().wait() == 0);
}

TEST_CASE("worker_shutdown_timeout limits how long QUIT waits") {
  const auto port = free_port();
  Server server("worker_shutdown_timeout 100ms;", answering(port, "one"));
  server.start();
  const Connection slow = slow_client(port, "one");
  server.master().signal(SIGQUIT);
  CHECK(server.master().wait(Seconds(5)) == 0);
}

TEST_CASE("TERM and INT end at once, whatever is under way, also after QUIT") {
  for (const int number : {SIGTERM, SIGINT}) {
    const auto port = free_port();
    Server server("", answering(port, "one"));
    server.start();
    const Connection slow = slow_client(port, "one");
    const pid_t worker = server.worker();
    server.master().signal(SIGQUIT);
    CHECK(server.logs("SIGQUIT"));
    server.master().signal(number);
    CHECK(server.master().wait(Seconds(4)) == 0);
    CHECK_FALSE(is_running(worker));
    CHECK_FALSE(server.folder().has("pid"));
  }
}

TEST_CASE("a worker that does not end by itself is ended") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  const pid_t worker = server.worker();
  ::kill(worker, SIGSTOP);
  server.master().signal(SIGTERM);
  CHECK(server.master().wait(Seconds(10)) == 0);
  CHECK_FALSE(is_running(worker));
}
