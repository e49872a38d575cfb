// Workers and their master: rights, and what becomes of the one without the other.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>

#include "integration/support.h"

using namespace integration;

TEST_CASE("workers run as the user nobody, without further groups and without a way back; the master keeps its rights" *
          doctest::skip(!is_root())) {
  const auto port = free_port();
  Server server("", answering(port, "one"));  // in a folder that only root may enter
  server.start();
  const pid_t worker = server.worker();
  CHECK(status_line(worker, "Uid") == "65534\t65534\t65534\t65534");
  CHECK(status_line(worker, "Gid") == "65534\t65534\t65534\t65534");
  CHECK(status_line(worker, "Groups") == "65534 ");
  CHECK(status_line(worker, "CapPrm") == "0000000000000000");
  CHECK(status_line(worker, "NoNewPrivs") == "1");
  CHECK(status_line(server.master().pid(), "Uid") == "0\t0\t0\t0");
  CHECK(get(port) == "one");
}

TEST_CASE("a worker that dies is replaced within a second, and who connects meanwhile is answered") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  for (int i = 0; i < 3; ++i) {
    const pid_t worker = server.worker();
    ::kill(worker, SIGKILL);
    const auto killed_at = std::chrono::steady_clock::now();
    CHECK(get(port) == "one");  // waits in the backlog of the socket that the master holds
    CHECK(std::chrono::steady_clock::now() - killed_at < Seconds(1));
    CHECK(server.worker() != worker);
  }
  CHECK(server.logs("exited on signal 9"));
}

TEST_CASE("when the master is killed, its worker frees the port and goes") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  const pid_t worker = server.worker();
  server.master().signal(SIGKILL);
  CHECK(server.master().wait() == 128 + SIGKILL);
  CHECK(eventually([&] { return !is_running(worker); }));
  CHECK(Connection::refused(port));
}
