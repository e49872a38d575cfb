// limit_req and limit_conn over reloads and killed workers: what was counted counts on.
#include <doctest/doctest.h>
#include <signal.h>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

unsigned status(std::uint16_t port, const std::string& path) { return ask(port, get_request(path)).status; }

std::string limited(std::uint16_t port, const std::string& zone, const std::string& more = "") {
  return "limit_req_zone " + zone + " rate=1r/m; server { listen 127.0.0.1:" + std::to_string(port) +
         "; limit_req zone=one; limit_req_status 429; location / { try_files /none =204; } " + more + "}";
}

void reload(Server& server) {
  const pid_t before = server.worker();
  server.master().signal(SIGHUP);
  REQUIRE(eventually([&] { return server.worker() != 0 && !is_running(before); }));
}

}  // namespace

TEST_CASE("who was limited before a reload is limited after it, and a zone that has changed begins anew") {
  const auto port = free_port();
  Server server("", limited(port, "$arg_k zone=one:1m"));
  server.start();
  CHECK(status(port, "/?k=a") == 204);
  CHECK(status(port, "/?k=a") == 429);
  reload(server);
  CHECK(status(port, "/?k=a") == 429);
  CHECK(status(port, "/?k=b") == 204);

  server.configure(limited(port, "$arg_k zone=one:2m"));
  reload(server);
  CHECK(status(port, "/?k=a") == 204);
  CHECK(status(port, "/?k=a") == 429);
}

TEST_CASE("a zone outlives a worker that is killed") {
  const auto port = free_port();
  Server server("", limited(port, "$arg_k zone=one:1m"));
  server.start();
  CHECK(status(port, "/?k=a") == 204);
  ::kill(server.worker(), SIGKILL);
  CHECK(status(port, "/?k=a") == 429);
}

TEST_CASE("a broken configuration leaves the zones as they are") {
  const auto port = free_port();
  Server server("", limited(port, "$arg_k zone=one:1m"));
  server.start();
  CHECK(status(port, "/?k=a") == 204);
  server.configure(limited(port, "$arg_k zone=one:2m"), "foo;");
  server.master().signal(SIGHUP);
  REQUIRE(server.logs("unknown directive \"foo\""));
  server.configure(limited(port, "$arg_k zone=one:1m"));
  reload(server);
  CHECK(status(port, "/?k=a") == 429);
}

TEST_CASE("requests that an old worker still handles count for the new one, until they end or the worker is killed") {
  const auto port = free_port();
  Backend backend;
  Server server("", "limit_conn_zone $arg_k zone=busy:1m; server { listen 127.0.0.1:" + std::to_string(port) +
                        "; location / { limit_conn busy 1; proxy_pass http://127.0.0.1:" +
                        std::to_string(backend.port()) + "; } }");
  server.start();
  const auto begin = [&](const std::string& key) {
    Wire client = Wire::to(port);
    client.send(get_request("/?k=" + key));
    return client;
  };
  const auto answer = [](Wire& at) {
    at.read_until("\r\n\r\n");
    at.send("HTTP/1.1 204 No Content\r\n\r\n");
  };
  Wire first = begin("a");
  Wire behind_first = backend.accept();
  const pid_t old = server.worker();
  server.master().signal(SIGHUP);
  REQUIRE(eventually([&] { return children_of(server.master().pid()).size() == 2; }));
  CHECK(eventually([&] { return Connection(port).fd() >= 0 && status(port, "/?k=a") == 503; }));
  answer(behind_first);
  CHECK(read_answer(first).status == 204);
  REQUIRE(eventually([&] { return !is_running(old); }));
  Wire second = begin("a");
  Wire behind_second = backend.accept();
  CHECK(status(port, "/?k=a") == 503);
  ::kill(server.worker(), SIGKILL);
  Wire third = begin("a");
  Wire behind_third = backend.accept();
  answer(behind_third);
  CHECK(read_answer(third).status == 204);
}
