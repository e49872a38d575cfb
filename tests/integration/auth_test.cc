// Passwords over sockets: who gets in, and that a slow hash is nobody else's business.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

// The passwords are "alice-secret" and "bob-secret". A check of one takes about half a second.
constexpr std::string_view slow_users =
    "alice:$2y$13$/cP.aCGbmrRniu2tnAowieq0oLFYqyTh7M0h3uGEw4Jir8pq/3J/C\n"
    "bob:$2y$13$9pBYtTO4lUFpTJiu4hbf5uI/DH8LkwxFQlTxuFM5cSzZQh/mIjz6i\n";
constexpr std::string_view quick_users = "alice:{PLAIN}alice-secret\nbob:{PLAIN}bob-secret\n";

std::string guarded(std::uint16_t port) {
  return "server { listen 127.0.0.1:" + std::to_string(port) +
         "; location /open/ { return 200 open; } location /closed/ { auth_basic \"The \\\"realm\\\"\"; "
         "auth_basic_user_file users; error_page 404 =200 /inside; } location = /inside { return 200 \"$remote_user\"; "
         "} "
         "location /missing/ { auth_basic x; auth_basic_user_file not-there; } location /folder/ { auth_basic x; "
         "auth_basic_user_file folder; } location /off/ { auth_basic off; auth_basic_user_file users; return 200 off; "
         "} }";
}

// One loop, so that a hash on it would stall everybody.
struct Gate {
  explicit Gate(std::string_view users) : server("worker_processes 1;", guarded(port)) {
    server.folder().write("users", users);
    // The worker reads the file again when it changes, so its user must be able to.
    std::filesystem::permissions(server.folder().path(), std::filesystem::perms(0755));
    std::filesystem::create_directory(server.folder().path("folder"));
    server.start();
  }
  Answer ask(std::string_view path, std::string_view headers = "") const {
    return integration::ask(port, get_request(path, headers));
  }

  std::uint16_t port = free_port();
  Server server;
};

// Clients whose wrong passwords are being checked now, each another one.
std::vector<Wire> guessing(const Gate& gate, std::size_t clients, std::string_view user = "bob") {
  std::vector<Wire> wires;
  for (std::size_t i = 0; i < clients; ++i) {
    wires.push_back(Wire::to(gate.port));
    wires.back().send(get_request("/closed/", basic(user, "guess " + std::to_string(i))));
  }
  return wires;
}

std::size_t answered(std::vector<Wire>& wires) {
  return static_cast<std::size_t>(
      std::count_if(wires.begin(), wires.end(), [](Wire& wire) { return wire.readable(); }));
}

}  // namespace

TEST_CASE("without the right password the answer is a challenge, with it the way is free") {
  Gate gate(quick_users);
  for (const std::string& headers :
       {std::string(), basic("alice", "wrong"), basic("nobody", "alice-secret"), basic("alice", ""),
        basic("", "alice-secret"), std::string("Authorization: Basic !!!\r\n"),
        std::string("Authorization: Bearer token\r\n")}) {
    CAPTURE(headers);
    const Answer answer = gate.ask("/closed/", headers);
    CHECK(answer.status == 401);
    CHECK(answer.header("WWW-Authenticate") == "Basic realm=\"The \\\"realm\\\"\"");
    CHECK(answer.count("WWW-Authenticate") == 1);
    CHECK(answer.body.find("401 Authorization Required") != std::string::npos);
  }
  const Answer answer = gate.ask("/closed/", basic("alice", "alice-secret"));
  CHECK(answer.status == 200);
  CHECK(answer.body == "alice");
  std::string other_case = basic("alice", "alice-secret");
  other_case.replace(other_case.find("Basic"), 5, "bASIC");
  CHECK(gate.ask("/closed/", other_case).status == 200);
  CHECK(gate.ask("/off/").body == "off");
}

TEST_CASE("a file of users that is not there forbids, one that cannot be read is an error; nobody gets in") {
  Gate gate(quick_users);
  CHECK(gate.ask("/missing/").status == 401);  // as nginx: without credentials nobody looks into the file
  CHECK(gate.ask("/missing/", basic("alice", "alice-secret")).status == 403);
  CHECK(gate.ask("/folder/", basic("alice", "alice-secret")).status == 500);
}

TEST_CASE("an edit of the file of users counts without a reload") {
  Gate gate(quick_users);
  CHECK(gate.ask("/closed/", basic("carol", "c")).status == 401);
  CHECK(gate.ask("/closed/", basic("bob", "bob-secret")).status == 200);
  gate.server.folder().write("users", "alice:{PLAIN}alice-secret\ncarol:{PLAIN}c\n");
  CHECK(eventually([&] { return gate.ask("/closed/", basic("carol", "c")).status == 200; }));
  CHECK(gate.ask("/closed/", basic("bob", "bob-secret")).status == 401);
}

TEST_CASE("while passwords are being hashed, everybody else is served") {
  Gate gate(slow_users);
  std::vector<Wire> guesses = guessing(gate, 8);
  for (int i = 0; i < 20; ++i) CHECK(gate.ask("/open/").body == "open");
  CHECK(answered(guesses) == 0);
  for (Wire& guess : guesses) CHECK(read_answer(guess).status == 401);
}

TEST_CASE("a password that was right a moment ago is right at once, also while the pool has no thread left") {
  Gate gate(slow_users);
  const std::string alice = basic("alice", "alice-secret");
  CHECK(gate.ask("/closed/", alice).status == 200);
  std::vector<Wire> guesses = guessing(gate, 8);
  for (int i = 0; i < 20; ++i) CHECK(gate.ask("/closed/", alice).body == "alice");
  CHECK(answered(guesses) == 0);
  CHECK(gate.ask("/closed/", basic("alice", "alice-secret2")).status == 401);
}

TEST_CASE("a remembered password is forgotten with its line") {
  Gate gate(quick_users);
  const std::string bob = basic("bob", "bob-secret");
  CHECK(gate.ask("/closed/", bob).status == 200);
  gate.server.folder().write("users", "bob:{PLAIN}changed\n");
  CHECK(eventually([&] { return gate.ask("/closed/", bob).status == 401; }));
  CHECK(gate.ask("/closed/", basic("bob", "changed")).status == 200);
}

TEST_CASE("many that ask with one new password at once share one hash") {
  Gate gate(slow_users);
  std::vector<Wire> same;
  for (int i = 0; i < 40; ++i) {
    same.push_back(Wire::to(gate.port));
    same.back().send(get_request("/closed/", basic("alice", "alice-secret")));
  }
  // Forty hashes would take more than a client's patience here.
  for (Wire& wire : same) CHECK(read_answer(wire).status == 200);
}

TEST_CASE("a flood of guesses is told to come back later, and who was in stays in") {
  Gate gate(quick_users);
  const std::string alice = basic("alice", "alice-secret");
  CHECK(gate.ask("/closed/", alice).status == 200);
  std::vector<Wire> guesses = guessing(gate, 150);
  const Answer last = read_answer(guesses.back());
  CHECK(last.status == 503);
  CHECK(std::stoi(last.header("Retry-After")) >= 1);
  CHECK(gate.ask("/closed/", alice).status == 200);
  CHECK(gate.ask("/open/").body == "open");
}

TEST_CASE("no log ever holds a password, an Authorization value or a token") {
  const auto port = free_port();
  Backend nobody;
  const std::uint16_t dead = nobody.port();
  nobody.close();
  Server server;
  server.folder().write("users", "alice:{PLAIN}MARKER-right\n");
  server.configure(
      "access_log " + server.folder().path("access.log") + "; server { listen 127.0.0.1:" + std::to_string(port) +
          "; location / { auth_basic x; auth_basic_user_file users; proxy_pass "
          "http://127.0.0.1:" +
          std::to_string(dead) + "; } location /open/ { proxy_pass http://127.0.0.1:" + std::to_string(dead) + "; } }",
      "error_log " + server.folder().path("debug.log") + " debug;");
  server.start();
  const std::string right = basic("alice", "MARKER-right");
  const std::string value = right.substr(15, right.size() - 17);  // "Basic ..."
  const std::string cases[] = {
      get_request("/", right),
      get_request("/", basic("alice", "MARKER-wrong")),
      get_request("/", "Authorization: Bearer MARKER-token\r\n"),
      get_request("/open/", "Authorization: Bearer MARKER-token\r\n"),
      get_request("/open/", "Proxy-Authorization: Basic MARKER-proxy\r\nCookie: MARKER-cookie\r\n"),
      get_request("/", right + right),
      get_request("/", "Authorization : " + value + "\r\n"),
      get_request("/", "Authorization\t: " + value + "\r\n"),
      get_request("/", "Authorization: " + value + "\rX: 1\r\n"),
      get_request("/", "Authorization: " + value + "\x01\r\n" + "Authorization: MARKER-second\r\n"),
      get_request("/", "Authorization: Basic\r\n MARKER-folded\r\n"),
      get_request("/", "Authorization: Basic MARKER-long" + std::string(70'000, 'x') + "\r\n"),
      get_request("/", "Authorization\x80: " + value + "\r\n"),
      "GET / HTTP/1.1\r\nAuthorization: " + value + "\r\n\r\n",
  };
  std::size_t asked = 0;
  for (const std::string& bytes : cases) {
    Wire client = Wire::to(port);
    try {
      client.send(bytes);
    } catch (const std::runtime_error&) {  // refused before all of it was sent
    }
    CHECK(read_answer(client).status >= 400);
    ++asked;
  }
  const auto lines = [&] {
    const std::string text = server.folder().read("access.log");
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  };
  CHECK(eventually([&] { return lines() == asked; }));
  server.master().signal(SIGQUIT);
  CHECK(server.master().wait() == 0);
  const std::string encoded = value.substr(6);
  for (const std::string name : {"access.log", "error.log", "debug.log"}) {
    CAPTURE(name);
    const std::string text = server.folder().read(name);
    REQUIRE_FALSE(text.empty());
    CAPTURE(text);
    CHECK(text.find("MARKER") == std::string::npos);
    CHECK(text.find(encoded) == std::string::npos);
    CHECK(text.find(encoded.substr(8, 12)) == std::string::npos);
  }
  CHECK(server.master().errors().find("MARKER") == std::string::npos);
}
