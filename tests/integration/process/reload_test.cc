// HUP: a new configuration takes the place of the old one, or nothing changes.
#include <doctest/doctest.h>
#include <signal.h>

#include <optional>
#include <string>

#include "integration/process/slow_client.h"
#include "integration/support.h"

using namespace integration;

TEST_CASE("a reload serves the new configuration, and the old worker finishes what it has begun") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  std::optional<Connection> old = slow_client(port, "one");
  const pid_t before = server.worker();

  server.configure(answering(port, "two"));
  server.master().signal(SIGHUP);
  CHECK(eventually([&] { return get(port) == "two"; }));
  CHECK(is_running(before));
  old->send(the_other_half);
  CHECK(old->read_to_end().ends_with("one"));
  old.reset();
  CHECK(eventually([&] { return !is_running(before); }));
  CHECK(get(port) == "two");
}

TEST_CASE("no connection is refused and none goes unanswered while reload follows on reload") {
  const auto port = free_port();
  Server server("", answering(port, "0"));
  server.start();
  for (int i = 1; i <= 5; ++i) {
    const std::string text = std::to_string(i);
    server.configure(answering(port, text));
    server.master().signal(SIGHUP);
    CHECK(eventually([&] {
      // A worker that was told to go may take one more connection before it hears of it, however old it is.
      const std::string answer = get(port);
      CAPTURE(answer);
      REQUIRE(std::string("012345").substr(0, static_cast<std::size_t>(i) + 1).find(answer) != std::string::npos);
      REQUIRE_FALSE(answer.empty());
      return answer == text;
    }));
  }
}

TEST_CASE("of several reloads in quick succession the last one counts") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  server.configure(answering(port, "two"));
  server.master().signal(SIGHUP);
  server.configure(answering(port, "three"));
  server.master().signal(SIGHUP);
  CHECK(eventually([&] { return get(port) == "three"; }));
}

TEST_CASE("a broken new configuration changes nothing, and the log has every reason with file and line") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  const pid_t worker = server.worker();
  server.configure(answering(port, "two"), "foo;\nbar;");
  server.master().signal(SIGHUP);
  CHECK(server.logs("unknown directive \"foo\" in " + server.folder().path("nginx.conf") + ":5"));
  CHECK(server.logs("unknown directive \"bar\" in " + server.folder().path("nginx.conf") + ":6"));
  CHECK(get(port) == "one");
  CHECK(server.worker() == worker);

  server.configure(answering(port, "three"));
  server.master().signal(SIGHUP);
  CHECK(eventually([&] { return get(port) == "three"; }));
}

TEST_CASE("a reload opens new ports and closes those that are no longer wanted") {
  const auto before = free_port();
  const auto after = free_port();
  Server server("", answering(before, "one"));
  server.start();
  server.configure(answering(after, "two"));
  server.master().signal(SIGHUP);
  CHECK(eventually([&] { return !Connection::refused(after); }));
  CHECK(get(after) == "two");
  CHECK(eventually([&] { return Connection::refused(before); }));
}

TEST_CASE("a reload that needs a port in use changes nothing") {
  const auto port = free_port();
  const auto taken = free_port();
  Server other("", answering(taken, "other"));
  other.start();
  Server server("", answering(port, "one"));
  server.start();
  server.configure(answering(port, "two") + answering(taken, "three"));
  server.master().signal(SIGHUP);
  CHECK(server.logs("bind() to 127.0.0.1:" + std::to_string(taken) + " failed (98: Address already in use)"));
  CHECK(get(port) == "one");
  CHECK(get(taken) == "other");
}
