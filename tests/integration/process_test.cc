// The process model from outside: signals, reloads, rights, files. Whatever answers the requests.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include "integration/support.h"

using namespace integration;

namespace {

const std::string half_a_request = "GET / HTTP/1.1\r\nHost: localhost\r\n";
const std::string the_other_half = "Connection: close\r\n\r\n";

bool is_root() { return ::geteuid() == 0; }

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

bool contains(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("it serves when the pid file is there, and the file names the process that takes signals") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  CHECK(get(port) == "one");
  CHECK(server.folder().read("pid") == std::to_string(server.master().pid()) + '\n');
  server.master().signal(SIGQUIT);
  CHECK(server.master().wait() == 0);
  CHECK_FALSE(server.folder().has("pid"));
  CHECK(Connection::refused(port));
}

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

TEST_CASE("a reload serves the new configuration, and the old worker finishes what it has begun") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  std::optional<Connection> old(port);
  old->send(half_a_request);
  REQUIRE(get(port) == "one");  // so the old worker has taken the connection before
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

TEST_CASE("a port in use ends the start with one line that names it, and without a pid file") {
  const auto port = free_port();
  Server other("", answering(port, "other"));
  other.start();
  Server server("", answering(port, "one"));
  server.launch();
  CHECK(server.master().wait() == 1);
  CHECK(server.master().errors() == "caisson: [emerg] bind() to 127.0.0.1:" + std::to_string(port) +
                                        " failed (98: Address already in use) in " +
                                        server.folder().path("nginx.conf") + ":9\n");
  CHECK_FALSE(server.folder().has("pid"));
  CHECK(get(port) == "other");
}

TEST_CASE("all errors of a configuration end the start, not only the first") {
  Server server("foo;\nworker_processes many;\n", "  bar 1;");
  server.launch();
  CHECK(server.master().wait() == 1);
  const std::string said = server.master().errors();
  CAPTURE(said);
  CHECK(count(said, "caisson: [emerg] ") == 3);
  CHECK(contains(said, "unknown directive \"foo\" in " + server.folder().path("nginx.conf") + ":5"));
  CHECK(contains(said, "unknown directive \"bar\" in "));
  CHECK_FALSE(server.folder().has("pid"));
}

TEST_CASE("a user who does not exist ends the start" * doctest::skip(!is_root())) {
  Server server("user nobody-of-this-name;", answering(free_port(), "one"));
  server.launch();
  CHECK(server.master().wait() == 1);
  CHECK(contains(server.master().errors(), "[emerg] getpwnam(\"nobody-of-this-name\") failed"));
}

TEST_CASE(
    "a data folder that the worker's user cannot write ends the start, fails the test, and changes nothing at a "
    "reload" *
    doctest::skip(!is_root())) {
  const auto port = free_port();
  Server server;
  std::filesystem::create_directory(server.folder().path("data"));  // root's
  const std::string registry = "  upstream docker-registry { registry " + server.folder().path("data") +
                               "; }\n  server { listen 127.0.0.1:" + std::to_string(port) +
                               "; location / { proxy_pass http://docker-registry; } }";
  const auto names_it = [&](const std::string& text) {
    return contains(text, "[emerg]") && contains(text, server.folder().path("data")) &&
           contains(text, "nginx.conf:8") && contains(text, "Permission denied");
  };
  server.configure(registry);
  CHECK(server.call({"-t"}) == 1);
  CHECK(names_it(server.said()));
  CHECK(server.call({}) == 1);
  CHECK(names_it(server.said()));
  CHECK_FALSE(server.folder().has("pid"));

  server.configure(answering(port, "one"));
  server.start();
  const pid_t worker = server.worker();
  server.configure(registry);
  server.master().signal(SIGHUP);
  CHECK(server.logs("the configuration in force before goes on unchanged"));
  CHECK(names_it(server.log()));
  CHECK(get(port) == "one");
  CHECK(server.worker() == worker);
}

TEST_CASE("QUIT waits for the request in hand and takes no new connections") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  std::optional<Connection> slow(port);
  slow->send(half_a_request);
  REQUIRE(get(port) == "one");
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
  Connection slow(port);
  slow.send(half_a_request);
  REQUIRE(get(port) == "one");
  server.master().signal(SIGQUIT);
  CHECK(server.master().wait(Seconds(5)) == 0);
}

TEST_CASE("TERM and INT end at once, whatever is under way, also after QUIT") {
  for (const int number : {SIGTERM, SIGINT}) {
    const auto port = free_port();
    Server server("", answering(port, "one"));
    server.start();
    Connection slow(port);
    slow.send(half_a_request);
    REQUIRE(get(port) == "one");
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

TEST_CASE("USR1 opens the logs anew: lines before it stay in the moved file, lines after it go to the new one") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  std::filesystem::rename(server.folder().path("error.log"), server.folder().path("moved.log"));
  server.master().signal(SIGUSR1);
  REQUIRE(eventually([&] { return server.folder().has("error.log"); }));
  ::kill(server.worker(), SIGKILL);
  CHECK(server.logs("exited on signal 9"));
  CHECK(contains(server.folder().read("moved.log"), "SIGUSR1"));
  CHECK_FALSE(contains(server.folder().read("moved.log"), "exited on signal 9"));
  CHECK(get(port) == "one");
}

TEST_CASE("USR1 opens access logs anew, also those that the worker cannot open, and loses no buffered line") {
  const auto port = free_port();
  Server server;
  server.folder().write("nginx.conf", "daemon off; pid " + server.folder().path("pid") + "; error_log " +
                                          server.folder().path("error.log") + " info;\nevents {}\nhttp { access_log " +
                                          server.folder().path("access.log") + " combined buffer=64k;\n" +
                                          answering(port, "one") + "}\n");
  server.start();
  REQUIRE(get(port, "/before") == "one");
  std::filesystem::rename(server.folder().path("access.log"), server.folder().path("moved.log"));
  server.master().signal(SIGUSR1);
  CHECK(eventually([&] { return contains(server.folder().read("moved.log"), "GET /before HTTP/1.1"); }));
  CHECK(server.folder().has("access.log"));
  REQUIRE(get(port, "/after") == "one");
  server.master().signal(SIGQUIT);
  CHECK(server.master().wait() == 0);
  CHECK(contains(server.folder().read("access.log"), "GET /after HTTP/1.1"));
}

TEST_CASE("closed standard streams do no harm") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  Process shell(
      {"/bin/sh", "-c", "exec \"$0\" -c \"$1\" 0<&- 1>&- 2>&-", binary(), server.folder().path("nginx.conf")});
  REQUIRE(eventually([&] { return server.folder().has("pid"); }));
  CHECK(get(port) == "one");
  CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(shell.pid()) + "/fd/2") == "/dev/null");
  shell.signal(SIGQUIT);
  CHECK(shell.wait() == 0);
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

TEST_CASE("with daemon on, the call returns when it serves, and the background process has no terminal") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  REQUIRE(server.call({"-g", "daemon on;"}) == 1);  // "daemon off" stands in the file, too
  CHECK(contains(server.said(), "\"daemon\" directive is duplicate"));

  server.folder().write("nginx.conf", "pid " + server.folder().path("pid") + "; error_log " +
                                          server.folder().path("error.log") + ";\nevents {}\nhttp { access_log off; " +
                                          answering(port, "one") + "}\n");
  REQUIRE(server.call({}) == 0);
  CHECK(get(port) == "one");
  const pid_t master = std::stoi(server.folder().read("pid"));
  const std::string process = "/proc/" + std::to_string(master);
  CHECK(std::filesystem::read_symlink(process + "/fd/0") == "/dev/null");
  CHECK(std::filesystem::read_symlink(process + "/fd/1") == "/dev/null");
  CHECK(std::filesystem::read_symlink(process + "/fd/2") == server.folder().path("error.log"));
  for (const pid_t worker : children_of(master)) {
    const std::string descriptor = "/proc/" + std::to_string(worker) + "/fd/2";
    CHECK(std::filesystem::read_symlink(descriptor) == server.folder().path("error.log"));
  }
  CHECK(server.call({"-s", "quit"}) == 0);
  CHECK(eventually([&] { return !is_running(master); }));
  CHECK_FALSE(server.folder().has("pid"));
}

TEST_CASE("with daemon on, a start that fails is told to who called") {
  Server server;
  server.folder().write("nginx.conf", "pid " + server.folder().path("no/such/folder/pid") +
                                          ";\nevents {}\nhttp { access_log off; " + answering(free_port(), "one") +
                                          "}\n");
  CHECK(server.call({}) == 1);
  CHECK(contains(server.said(), "[emerg] open() \"" + server.folder().path("no/such/folder/pid") +
                                    "\" failed (2: No such file or directory)"));
}

TEST_CASE("with master_process off one process does it all") {
  const auto port = free_port();
  Server server("master_process off;", answering(port, "one"));
  server.start();
  CHECK(get(port) == "one");
  CHECK(children_of(server.master().pid()).empty());
  CHECK(server.folder().read("pid") == std::to_string(server.master().pid()) + '\n');
  std::filesystem::rename(server.folder().path("error.log"), server.folder().path("moved.log"));
  server.master().signal(SIGUSR1);
  CHECK(eventually([&] { return server.folder().has("error.log"); }));
  server.master().signal(SIGHUP);  // has nobody to hand over to
  CHECK(get(port) == "one");
  server.master().signal(SIGQUIT);
  CHECK(server.master().wait() == 0);
  CHECK_FALSE(server.folder().has("pid"));
}

TEST_CASE("-s sends the signals to the process that the pid file names") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  server.start();
  server.configure(answering(port, "two"));
  CHECK(server.call({"-s", "reload"}) == 0);
  CHECK(eventually([&] { return get(port) == "two"; }));
  CHECK(server.call({"-s", "reopen"}) == 0);
  CHECK(server.logs("SIGUSR1"));

  server.configure(answering(port, "three"), "foo;");
  CHECK(server.call({"-s", "reload"}) == 1);
  CHECK(contains(server.said(), "unknown directive \"foo\""));
  CHECK(server.call({"-s", "stop"}) == 0);  // a broken configuration keeps nobody from stopping
  CHECK(server.master().wait() == 0);

  CHECK(server.call({"-s", "stop"}) == 1);
  CHECK(
      contains(server.said(), "open() \"" + server.folder().path("pid") + "\" failed (2: No such file or directory)"));
  server.folder().write("pid", "x\n");
  CHECK(server.call({"-s", "stop"}) == 1);
  CHECK(contains(server.said(), "invalid PID number \"x\" in \"" + server.folder().path("pid") + '"'));
}

TEST_CASE("-t gives nginx's verdicts, leaves nothing behind, and minds no running server") {
  const auto port = free_port();
  Server server("", answering(port, "one"));
  const std::string file = server.folder().path("nginx.conf");
  const std::string good = "caisson: the configuration file " + file + " syntax is ok\ncaisson: configuration file " +
                           file + " test is successful\n";
  CHECK(server.call({"-t"}) == 0);
  CHECK(server.said() == good);
  CHECK_FALSE(server.folder().has("pid"));
  CHECK(Connection::refused(port));
  CHECK(server.call({"-tq"}) == 0);
  CHECK(server.said() == "");

  server.start();
  CHECK(server.call({"-t"}) == 0);
  CHECK(server.said() == good);
  CHECK(get(port) == "one");

  server.configure("  foo;");
  CHECK(server.call({"-t", "-q"}) == 1);
  CHECK(server.said() == "caisson: [emerg] unknown directive \"foo\" in " + file + ":8\ncaisson: configuration file " +
                             file + " test failed\n");
}

TEST_CASE("-t gives advice after its verdict, with file and line; -q hides it") {
  const auto port = free_port();
  Server server("", "server { listen 127.0.0.1:" + std::to_string(port) +
                        "; location /v2/ { proxy_pass http://127.0.0.1:5000; } }");
  CHECK(server.call({"-t"}) == 0);
  const std::string advice =
      "[advice] " + server.folder().path("nginx.conf") + ":8: request bodies may have 1 MiB here";
  REQUIRE(contains(server.said(), advice));
  CHECK(server.said().find("test is successful") < server.said().find(advice));
  CHECK(server.call({"-t", "-q"}) == 0);
  CHECK(server.said().empty());
}

TEST_CASE("-T prints the configuration with its includes") {
  Server server("include more.conf;", answering(free_port(), "one"));
  server.folder().write("more.conf", "worker_processes 2;\n");
  CHECK(server.call({"-T"}) == 0);
  CHECK(server.printed() == "# configuration file " + server.folder().path("nginx.conf") + ":\n" +
                                server.folder().read("nginx.conf") + "\n# configuration file " +
                                server.folder().path("more.conf") + ":\nworker_processes 2;\n\n");
}

TEST_CASE("the version names the nginx that scripts look for, and this program") {
  Server server;
  CHECK(server.call({"-v"}) == 0);
  CHECK(server.said().starts_with("nginx version: nginx/1.28.0 (caisson/"));
  CHECK(server.call({"-V"}) == 0);
  CHECK(contains(server.said(), "\nbuilt with OpenSSL "));
  CHECK(contains(server.said(), "\nTLS SNI support enabled\n"));
  CHECK(count(server.said(), "\nconfigure arguments: ") == 1);
  CHECK(server.call({"-h"}) == 0);
  CHECK(contains(server.said(), "-s signal"));
}
