// More clients than there are places, descriptors or memory: some are turned away, those who were let in are served,
// and everything is as before as soon as there is room again.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

const std::string half_a_request = "PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n";
const std::string the_other_half = "x";

// A client in the middle of its request.
Wire busy_client(std::uint16_t port) {
  Wire client = Wire::to(port);
  client.send(half_a_request);
  return client;
}

// Until the server has read all that clients have sent (proc(5), /proc/net/tcp): a client counts as busy from then on.
void all_is_read(std::uint16_t port) {
  char local[16];
  std::snprintf(local, sizeof local, ":%04X", port);
  CHECK(eventually([&] {
    std::ifstream sockets("/proc/net/tcp");
    std::string line;
    while (std::getline(sockets, line)) {
      std::istringstream fields(line);
      std::string number, from, to, state, queues;
      fields >> number >> from >> to >> state >> queues;
      if (state == "01" && from.ends_with(local) && !queues.ends_with(":00000000")) return false;
    }
    return true;
  }));
}

// A client that was answered and waits.
Wire idle_client(std::uint16_t port) {
  Wire client = Wire::to(port);
  client.send(half_a_request + the_other_half);
  REQUIRE(read_answer(client).status == 200);
  return client;
}

std::string with_connections(unsigned number) { return "worker_connections " + std::to_string(number) + ";"; }

// Server with an events{} block of its own.
class Small {
 public:
  Small(const std::string& events, const std::string& http, const std::string& main = "") {
    const TemporaryFolder& folder = server.folder();
    folder.write("nginx.conf", main + "daemon off; pid " + folder.path("pid") + "; error_log " +
                                   folder.path("error.log") + " info; events { " + events +
                                   " }\nhttp { access_log off; client_header_timeout 30s; " + http + "}\n");
    server.start();
  }
  Server server;
};

void answers_again(std::uint16_t port) {
  CHECK(eventually([&] { return get(port) == "one"; }));
}

}  // namespace

TEST_CASE("when all places are taken a client more is closed at once, and the next is served when one is free") {
  const auto port = free_port();
  Small small(with_connections(8), answering(port, "one"));
  std::vector<Wire> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(busy_client(port));
  all_is_read(port);
  Wire one_more = Wire::to(port);
  CHECK(one_more.read_to_end().empty());
  CHECK(small.server.logs("[alert] "));
  CHECK(small.server.logs("8 worker_connections are not enough\n"));

  for (Wire& client : clients) {  // nobody who was let in has lost anything
    client.send(the_other_half);
    CHECK(read_answer(client).body == "one");
  }
  clients.clear();
  answers_again(port);
}

TEST_CASE("connections that wait for a request give their places to new ones, the oldest first") {
  const auto port = free_port();
  Small small(with_connections(8), answering(port, "one"));
  std::vector<Wire> clients;
  for (int i = 0; i < 7; ++i) clients.push_back(idle_client(port));
  clients.push_back(Wire::to(port));  // has asked for nothing yet
  Wire first = busy_client(port);
  first.send(the_other_half);
  CHECK(read_answer(first).body == "one");
  CHECK(small.server.logs("[warn] "));
  CHECK(small.server.logs("8 worker_connections are not enough, reusing connections\n"));
  CHECK(clients.front().read_to_end().empty());
  clients[1].send(half_a_request + the_other_half);
  CHECK(read_answer(clients[1]).body == "one");
}

TEST_CASE("a connection to a TLS port that says nothing gives its place, too") {
  const auto port = free_port();
  const Identity identity = make_identity();
  TemporaryFolder files;
  Small small(with_connections(4), "server { listen 127.0.0.1:" + std::to_string(port) + " ssl; ssl_certificate " +
                                       files.write("crt", identity.certificate) + "; ssl_certificate_key " +
                                       files.write("key", identity.key) + "; location / { return 200 one; } }");
  std::vector<Wire> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(Wire::to(port));
  Wire client = Wire::to(port, {true});
  client.send(half_a_request + the_other_half);
  CHECK(read_answer(client).body == "one");
}

TEST_CASE("heads and handshakes that take long give their places when nobody waits for a request") {
  const auto port = free_port();
  const auto secure = free_port();
  const Identity identity = make_identity();
  TemporaryFolder files;
  Small small(with_connections(4), answering(port, "one") + "server { listen 127.0.0.1:" + std::to_string(secure) +
                                       " ssl; ssl_certificate " + files.write("crt", identity.certificate) +
                                       "; ssl_certificate_key " + files.write("key", identity.key) + "; }");
  std::vector<Wire> slow;
  for (int i = 0; i < 2; ++i) {
    slow.push_back(Wire::to(port));
    slow.back().send("GET / HTTP/1.1\r\nHost: localhost\r\n");
    slow.push_back(Wire::to(secure));
    slow.back().send("\x16\x03\x01");
  }
  for (int i = 0; i < 4; ++i) answers_again(port);  // turned away at first
}

TEST_CASE("who was let in reaches the backend, though no place is left; and connections to backends take places, too") {
  const auto port = free_port();
  RecordingBackend backend;
  Small small(with_connections(4), proxying(port, backend.port()));
  std::vector<Wire> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(Wire::to(port));
    clients.back().send("PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n");
  }
  all_is_read(port);
  for (Wire& client : clients) client.send("\r\n");
  REQUIRE(eventually([&] { return backend.connections() == 4; }));
  clients[0].send("x");
  CHECK(read_answer(clients[0]).status == 200);
  Wire one_more = Wire::to(port);  // a client has left its place, and those of the backends are taken
  clients[0] = std::move(one_more);
  CHECK(clients[0].read_to_end().empty());
  for (int i = 1; i < 4; ++i) {
    clients[i].send("x");
    CHECK(read_answer(clients[i]).status == 200);
  }
}

TEST_CASE("every loop brings its own places, as every worker process of nginx does") {
  const auto port = free_port();
  Small small(with_connections(4), answering(port, "one"), "worker_processes 3; ");
  std::vector<Wire> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(busy_client(port));
  all_is_read(port);
  Wire one_more = Wire::to(port);
  CHECK(one_more.read_to_end().empty());
  for (Wire& client : clients) client.send(the_other_half);
  for (Wire& client : clients) CHECK(read_answer(client).body == "one");
}

TEST_CASE("with few descriptors clients are turned away before files and backends lack them") {
  const auto port = free_port();
  RecordingBackend backend;
  Small small(with_connections(1000), proxying(port, backend.port()), "worker_rlimit_nofile 128; ");
  const pid_t worker = small.server.worker();
  CHECK(small.server.logs("1000 worker_connections exceed open file resource limit: 128"));
  Wire early = busy_client(port);
  all_is_read(port);
  std::vector<Wire> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(busy_client(port));
  REQUIRE(small.server.logs("worker_connections are not enough\n"));
  early.send(the_other_half);
  CHECK(read_answer(early).status == 200);
  flood.clear();
  CHECK(eventually([&] { return get(port) == "ok"; }));
  CHECK(small.server.worker() == worker);
  CAPTURE(small.server.log());
  CHECK(small.server.log().find("Too many open files") == std::string::npos);
}

TEST_CASE("clients that send and read slowly hold up nobody else") {
  const auto port = free_port();
  RecordingBackend backend;
  const std::string large(1'000'000, 'x');
  TemporaryFolder files;
  files.write("large", large);
  Small small(with_connections(1000),
              "server { listen 127.0.0.1:" + std::to_string(port) +
                  "; client_max_body_size 0; location / { return 200 one; } location /v2/ { "
                  "proxy_pass http://127.0.0.1:" +
                  std::to_string(backend.port()) + "; } location /large { root " + files.path() + "; } }",
              "user root; ");
  std::vector<Wire> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(busy_client(port));
    slow.push_back(Wire::to(port));
    slow.back().send("PATCH /v2/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nsome");
    slow.push_back(Wire::to(port, {.receive_buffer = 4096}));
    slow.back().send(get_request("/large"));
  }
  all_is_read(port);
  CHECK(get(port) == "one");
  CHECK(get(port, "/large") == large);
  for (std::size_t i = 2; i < slow.size(); i += 30) CHECK(read_answer(slow[i]).body == large);
}

TEST_CASE("without memory requests fail, and nothing else") {
  const auto port = free_port();
  Small small(with_connections(4000),
              "large_client_header_buffers 8 1m; client_header_buffer_size 1m;" + answering(port, "one"),
              "user root; ");  // so that its limits may be set from outside
  REQUIRE(get(port) == "one");
  const pid_t worker = small.server.worker();
  const std::uint64_t now = std::stoull(status_line(worker, "VmSize")) * 1024;
  if (now > std::uint64_t{1} << 40) return;  // a sanitizer's, which takes no limit
  rlimit limit{now + (24U << 20), now + (24U << 20)};
  REQUIRE(::prlimit(worker, RLIMIT_AS, &limit, nullptr) == 0);
  {
    std::vector<Wire> flood;
    const std::string large = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + std::string(200'000, 'x');
    for (int i = 0; i < 300; ++i) {
      Wire client = Wire::to(port);
      try {
        client.send(large);
      } catch (const std::runtime_error&) {  // it was turned away
      }
      flood.push_back(std::move(client));
    }
    CHECK(small.server.logs("std::bad_alloc"));
  }
  answers_again(port);
  CHECK(is_running(worker));
}
