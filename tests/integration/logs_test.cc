// What is written down of a request: nginx's lines, one each, whatever bytes came.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <optional>
#include <regex>
#include <sstream>
#include <vector>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;
using namespace std::string_literals;

namespace {

struct Gate {
  Gate() {
    server.folder().write("users", "alice:{PLAIN}secret\n");
    server.configure(
        "access_log " + server.folder().path("access.log") + ";" +
        "log_format own escape=json '{\"uri\":\"$request_uri\",\"agent\":\"$http_user_agent\"}';" +
        proxying(port, backend.port(), "",
                 "server_name registry.test; location /closed/ { auth_basic x; auth_basic_user_file users; "
                 "proxy_pass http://127.0.0.1:" +
                     std::to_string(backend.port()) +
                     "; } location /dead/ { proxy_pass http://127.0.0.1:" + std::to_string(dead) +
                     "; } location /own/ { access_log " + server.folder().path("own.log") + " own; return 204; }"));
    server.start();
  }
  // The lines of the access log, when there are so many.
  std::vector<std::string> lines(std::size_t wanted, std::string_view file = "access.log") const {
    std::vector<std::string> all;
    eventually([&] {
      all.clear();
      std::istringstream text(server.folder().read(file));
      for (std::string line; std::getline(text, line);) all.push_back(line);
      return all.size() >= wanted;
    });
    CHECK(all.size() == wanted);
    all.resize(wanted);
    return all;
  }

  std::uint16_t port = free_port();
  std::uint16_t dead = free_port();
  RecordingBackend backend;
  Server server;
};

const std::string when = R"(\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\])";

bool matches(const std::string& line, const std::string& pattern) {
  return std::regex_match(line, std::regex(pattern));
}

}  // namespace

TEST_CASE("the access log has nginx's combined format") {
  Gate gate;
  CHECK(ask(gate.port, get_request("/v2/?n=1", "User-Agent: docker/24.0\r\nReferer: http://from/\r\n")).status == 200);
  CHECK(ask(gate.port, get_request("/closed/", basic("alice", "secret"))).status == 200);
  CHECK(ask(gate.port, get_request("/closed/", basic("mallory", "secret"))).status == 401);
  CHECK(ask(gate.port, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200);
  CHECK(ask(gate.port, get_request("/dead/")).status == 502);
  CHECK(ask(gate.port, "GET / HTTP/1.1\r\n\r\n").status == 400);
  const auto lines = gate.lines(6);
  CHECK(matches(lines[0],
                "127\\.0\\.0\\.1 - - " + when + R"( "GET /v2/\?n=1 HTTP/1\.1" 200 2 "http://from/" "docker/24\.0")"));
  CHECK(matches(lines[1], "127\\.0\\.0\\.1 - alice " + when + R"( "GET /closed/ HTTP/1\.1" 200 2 "-" "-")"));
  CHECK(matches(lines[2], "127\\.0\\.0\\.1 - mallory " + when + R"( "GET /closed/ HTTP/1\.1" 401 \d+ "-" "-")"));
  CHECK(matches(lines[3], "127\\.0\\.0\\.1 - - " + when + R"( "HEAD / HTTP/1\.1" 200 0 "-" "-")"));
  CHECK(matches(lines[4], "127\\.0\\.0\\.1 - - " + when + R"( "GET /dead/ HTTP/1\.1" 502 \d+ "-" "-")"));
  CHECK(matches(lines[5], "127\\.0\\.0\\.1 - - " + when + R"( "GET / HTTP/1\.1" 400 \d+ "-" "-")"));
}

TEST_CASE("lines of the error log say who asked whom for what") {
  Gate gate;
  ask(gate.port, get_request("/dead/x?y=1", "Referer: http://from/\r\n"));
  ask(gate.port, get_request("/closed/", basic("mallory", "secret")));
  REQUIRE(gate.server.logs("mallory"));
  const std::string log = gate.server.log();
  CAPTURE(log);
  const std::string start = R"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ )";
  const std::string dead = "127.0.0.1:" + std::to_string(gate.dead);
  CHECK(std::regex_search(
      log, std::regex(start +
                      R"re(connect\(\) failed \(111: Connection refused\) while connecting to upstream, client: )re"
                      R"re(127\.0\.0\.1, server: registry\.test, request: "GET /dead/x\?y=1 HTTP/1\.1", )re"
                      R"re(upstream: "http://)re" +
                      dead + R"re(/dead/x\?y=1", host: "localhost", referrer: "http://from/"\n)re")));
  CHECK(std::regex_search(log,
                          std::regex(start + R"re(user "mallory" was not found in ".*users", client: 127\.0\.0\.1, )re"
                                             R"re(server: registry\.test, request: "GET /closed/ HTTP/1\.1", )re"
                                             R"re(host: "localhost"\n)re")));
}

TEST_CASE("whatever bytes come, there is one line for each request, and no control in any log") {
  Gate gate;
  std::size_t asked = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '\r' || c == '\n') continue;  // there the line ends
    for (const std::string& request : {get_request("/own-uri/"s + c, ""),
                                       get_request("/x", "User-Agent: a"s + c + "b\r\nReferer: \""s + c + "\\\r\n"),
                                       get_request("/closed/", basic("us"s + c + "er", "secret"))}) {
      // Where the byte ends the path or the connection, there is a line all the same.
      Wire client = Wire::to(gate.port);
      client.send(request);
      client.finish_sending();
      client.read_to_end();
      ++asked;
    }
  }
  gate.lines(asked);
  for (const std::string name : {"access.log", "error.log"}) {
    const std::string text = gate.server.folder().read(name);
    const auto control = std::find_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
    });
    CHECK(control == text.end());
    std::istringstream lines(text);
    const std::regex shape(name == "access.log" ? R"(127\.0\.0\.1 - .+ \[.*\] ".*" \d{3} \d+ ".*" ".*")"
                                                : R"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] \d+#\d+: .*)");
    for (std::string line; std::getline(lines, line);) {
      CAPTURE(line);
      if (!std::regex_match(line, shape)) FAIL_CHECK("not a line of " << name);
    }
  }
}

TEST_CASE("who leaves or stops in the middle of a head leaves a line with 400 or 408, as nginx writes it") {
  Server server;
  const std::uint16_t port = free_port();
  server.configure("client_header_timeout 1s; access_log " + server.folder().path("access.log") + ";" +
                   "error_page 400 408 @page; server { listen 127.0.0.1:" + std::to_string(port) +
                   "; location @page { return 200 page; } }");
  server.start();
  const std::vector<std::pair<std::string, std::string>> heads{
      {"GE", "\"GE\" N 0 \"-\" \"-\""},
      {"GET / HTTP/1.1", "\"GET / HTTP/1.1\" N 0 \"-\" \"-\""},
      {"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\nX", "\"GET / HTTP/1.1\" N 0 \"-\" \"me\""}};
  const auto line_with = [&](std::string line, const std::string& status) {
    line.replace(line.find('N'), 1, status);
    return eventually([&] { return server.folder().read("access.log").find(line + '\n') != std::string::npos; });
  };
  for (const auto& [head, line] : heads) {
    Wire leaving = Wire::to(port);
    leaving.send(head);
    leaving.finish_sending();
    CHECK(leaving.read_to_end().empty());
    CHECK(line_with(line, "400"));
    Wire slow = Wire::to(port);
    slow.send(head);
    CHECK(slow.read_to_end().empty());
    CHECK(line_with(line, "408"));
  }
  Wire::to(port).read_to_end();  // who sends nothing is no request
  const std::string log = server.folder().read("access.log");
  CHECK(std::count(log.begin(), log.end(), '\n') == 6);
}

TEST_CASE("who leaves or stops behind the head leaves the status that nginx writes: 499, 400 or 408") {
  Server server;
  Backend silent;
  const std::uint16_t port = free_port();
  server.configure("access_log " + server.folder().path("access.log") + ";" +
                   proxying(port, silent.port(), "",
                            "location /slow { client_body_timeout 1s; proxy_pass "
                            "http://127.0.0.1:" +
                                std::to_string(silent.port()) + "; }"));
  server.start();
  const auto logs = [&](const std::string& line) {
    return eventually([&] { return server.folder().read("access.log").find(line) != std::string::npos; });
  };
  const auto half_of = [](const std::string& path) {
    return "PUT " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
  };
  // Each client leaves when the backend has what it sent.
  const auto leave_behind = [&](const std::string& request, const std::string& mark) {
    std::optional<Wire> leaving(Wire::to(port));
    leaving->send(request);
    Wire behind = silent.accept();
    behind.read_until(mark);
    leaving.reset();
    behind.read_to_end();
  };
  leave_behind(get_request("/left"), "\r\n\r\n");
  CHECK(logs("\"GET /left HTTP/1.1\" 499 0 "));
  leave_behind(half_of("/half"), "half");
  CHECK(logs("\"PUT /half HTTP/1.1\" 400 0 "));
  Wire slow = Wire::to(port);
  slow.send(half_of("/slow"));
  const Wire behind_slow = silent.accept();
  CHECK(logs("\"PUT /slow HTTP/1.1\" 408 0 "));
}

TEST_CASE("with flush= a line does not wait for a full buffer") {
  Server server;
  const std::uint16_t port = free_port();
  const std::string log = server.folder().path("buffered.log");
  server.configure("access_log " + log + " combined buffer=64k flush=1s;" + answering(port, "here"));
  server.start();
  CHECK(get(port) == "here");
  CHECK(eventually([&] { return server.folder().read("buffered.log").find("\"GET / ") != std::string::npos; }));
}

TEST_CASE(
    "with buffer= lines wait for each other, and none is lost when the server ends, is reloaded or reopens its logs") {
  for (const int number : {SIGQUIT, SIGTERM, SIGHUP, SIGUSR1}) {
    Server server;
    const std::uint16_t port = free_port();
    const std::string log = server.folder().path("buffered.log");
    server.configure("access_log " + log + " combined buffer=64k flush=1h;" + answering(port, "here"));
    server.start();
    for (int i = 0; i < 3; ++i) CHECK(get(port) == "here");
    CHECK(server.folder().read("buffered.log").empty());
    server.master().signal(number);
    CHECK(eventually([&] {
      const std::string text = server.folder().read("buffered.log");
      return std::count(text.begin(), text.end(), '\n') == 3;
    }));
  }
}

TEST_CASE("a log format of one's own, in JSON, escapes what would end its strings") {
  Gate gate;
  CHECK(ask(gate.port, get_request("/own/%22", "User-Agent: a\"b\\c\x01\r\n")).status == 204);
  const auto lines = gate.lines(1, "own.log");
  CHECK(lines[0] == R"({"uri":"/own/%22","agent":"a\"b\\c\u0001"})");
}
