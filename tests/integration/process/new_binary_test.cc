// USR2 and WINCH: another binary takes over the sockets, and the old one is there until the new one has shown itself.
#include <doctest/doctest.h>
#include <signal.h>

#include "integration/process/slow_client.h"
#include "integration/support.h"

using namespace integration;

namespace {

// A server in the background, as an init system starts it. Ends whatever its pid files name.
class Background {
 public:
  explicit Background(const std::string& http) {
    configure(http);
    REQUIRE(server_.call({}) == 0);
  }
  ~Background() {
    for (const char* name : {"pid", "pid.oldbin"}) {
      if (const pid_t pid = named(name); pid > 0) ::kill(pid, SIGTERM);
    }
    eventually([&] { return named("pid") == 0; });
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void configure(const std::string& http) const {
    folder().write("nginx.conf", "pid " + folder().path("pid") + ";\nerror_log " + folder().path("error.log") +
                                     " info;\nevents {}\nhttp { access_log off; " + http + "}\n");
  }

  // The process that a pid file names; 0 when there is none.
  pid_t named(const std::string& file) const {
    const std::string text = folder().read(file);
    return text.empty() ? 0 : std::stoi(text);
  }
  pid_t old_master() const { return named("pid.oldbin"); }
  pid_t master() const { return named("pid"); }

  // USR2, until the new one serves.
  void change_binary() const {
    ::kill(master(), SIGUSR2);
    REQUIRE(eventually([&] { return old_master() > 0 && master() > 0 && !workers(master()).empty(); }));
  }

  // The children of a master, but for another master.
  std::vector<pid_t> workers(pid_t of) const {
    std::vector<pid_t> children = children_of(of);
    std::erase(children, master());
    return children;
  }

  const TemporaryFolder& folder() const noexcept { return server_.folder(); }
  bool logs(std::string_view text) const { return server_.logs(text); }

 private:
  Server server_;
};

}  // namespace

TEST_CASE(
    "USR2 starts a new binary on the same sockets, and QUIT of the old one ends it when its last request is answered") {
  const auto port = free_port();
  Background server(answering(port, "old"));
  const pid_t before = server.master();
  Connection client = slow_client(port, "old");

  server.configure(answering(port, "new"));
  server.change_binary();
  CHECK(server.old_master() == before);
  ::kill(before, SIGQUIT);
  CHECK(eventually([&] { return get(port) == "new"; }));
  CHECK(is_running(before));
  client.send(the_other_half);
  CHECK(client.read_to_end().ends_with("old"));
  CHECK(eventually([&] { return !is_running(before); }));
  CHECK_FALSE(server.folder().has("pid.oldbin"));
  CHECK(get(port) == "new");
}

TEST_CASE("WINCH lets the old workers finish; HUP brings them back, with the configuration that they had") {
  const auto port = free_port();
  Background server(answering(port, "old"));
  server.configure(answering(port, "new"));
  server.change_binary();
  const pid_t before = server.old_master();
  const pid_t after = server.master();
  ::kill(before, SIGWINCH);
  CHECK(eventually([&] { return server.workers(before).empty(); }));
  CHECK(get(port) == "new");

  ::kill(before, SIGHUP);
  CHECK(eventually([&] { return !server.workers(before).empty(); }));
  ::kill(after, SIGQUIT);
  CHECK(eventually([&] { return server.master() == before; }));
  CHECK_FALSE(server.folder().has("pid.oldbin"));
  CHECK(get(port) == "old");
}

TEST_CASE("when the new binary dies after WINCH, the old one takes its place again") {
  const auto port = free_port();
  Background server(answering(port, "one"));
  const pid_t before = server.master();
  server.change_binary();
  ::kill(before, SIGWINCH);
  CHECK(eventually([&] { return server.workers(before).empty(); }));
  ::kill(server.master(), SIGKILL);
  CHECK(eventually([&] { return server.master() == before; }));
  CHECK(get(port) == "one");
}

TEST_CASE("a new binary that does not start leaves everything as it was") {
  const auto port = free_port();
  Background server(answering(port, "one"));
  const pid_t before = server.master();
  server.configure("foo;");
  ::kill(before, SIGUSR2);
  CHECK(server.logs("exited with code 1"));
  CHECK(eventually([&] { return server.master() == before; }));
  CHECK(get(port) == "one");
}

TEST_CASE("a second USR2 is ignored while two binaries run") {
  const auto port = free_port();
  Background server(answering(port, "one"));
  server.change_binary();
  const pid_t before = server.old_master();
  const pid_t after = server.master();
  ::kill(before, SIGUSR2);
  ::kill(after, SIGUSR2);
  CHECK(server.logs("the changing binary signal is ignored"));
  CHECK(server.old_master() == before);
  CHECK(server.master() == after);
}

TEST_CASE("the file of a unix socket stays when the old binary ends, and goes with the new one") {
  const auto port = free_port();
  TemporaryFolder sockets;
  Background server("server { listen 127.0.0.1:" + std::to_string(port) + "; listen unix:" + sockets.path("one") +
                    "; location / { return 200 one; } }");
  server.change_binary();
  const pid_t before = server.old_master();
  ::kill(before, SIGQUIT);
  const pid_t after = server.master();
  CHECK(eventually([&] { return status_line(after, "PPid") != std::to_string(before); }));  // all its threads are gone
  CHECK(sockets.has("one"));
  ::kill(after, SIGQUIT);
  CHECK(eventually([&] { return !is_running(after); }));
  CHECK_FALSE(sockets.has("one"));
}

TEST_CASE("in the foreground USR2 and WINCH change nothing") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  const pid_t worker = server.worker();
  server.master().signal(SIGWINCH);
  server.master().signal(SIGUSR2);
  CHECK(server.logs("(SIGUSR2) received"));
  CHECK(get(port) == "one");
  CHECK(server.worker() == worker);
}
