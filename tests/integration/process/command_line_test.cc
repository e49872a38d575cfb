// The command line: -s, -t, -T, -v and -V.
#include <doctest/doctest.h>

#include <string>

#include "integration/support.h"

using namespace integration;

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
