// USR1: logs are opened anew.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "integration/support.h"

using namespace integration;

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
