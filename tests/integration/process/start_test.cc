// How it starts: in the foreground or as a daemon, with a master or without.
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "integration/support.h"

using namespace integration;

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
