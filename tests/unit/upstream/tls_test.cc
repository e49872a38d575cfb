// Backends behind TLS: whom they must be, and what they are told.
#include <doctest/doctest.h>

#include "unit/tls/tls_fixture.h"
#include "world.h"

using namespace upstream_test;
using tls_test::host_parameters;
using tls_test::identity_of;

namespace {

struct Seen {
  std::string server_name;
  std::string head;
  bool refused = false;
};

// One TLS backend with a certificate for `name`, asked once under `directives`.
Seen ask(Client& client, const std::string& directives, const std::string& name, std::string* log = nullptr) {
  Backend backend;
  const config::Files files = {{"/etc/ca.crt", identity_of("backend.test").certificate_pem()}};
  World world(World::location("/v2/", directives + " proxy_pass https://" + backend.address() + ";"), nullptr, files);
  Seen seen;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      Fd socket = co_await backend.accept_socket();
      auto encrypted = std::make_unique<tls::TlsTransport>(async::Loop::current(), std::move(socket),
                                                           tls_test::only_host(host_parameters(name)));
      try {
        co_await encrypted->handshake(patience);
        seen.server_name = encrypted->facts().server_name;
        BackendSide side(std::move(encrypted));
        seen.head = co_await side.answer(ok);
      } catch (const std::exception&) {
        seen.refused = true;
      }
    };
    co_await async::both(world.ask(Request(), client), serve());
  });
  if (log != nullptr) *log = world.log();
  return seen;
}

}  // namespace

TEST_CASE("without proxy_ssl_verify any certificate does, and no name is sent, as in nginx") {
  Client client;
  const Seen seen = ask(client, "", "somebody.test");
  CHECK(client.head.status == 200);
  CHECK(seen.server_name.empty());
  CHECK(seen.head.starts_with("GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST_CASE("proxy_ssl_server_name sends proxy_ssl_name") {
  Client client;
  const Seen seen = ask(client, "proxy_ssl_server_name on; proxy_ssl_name backend.test;", "backend.test");
  CHECK(seen.server_name == "backend.test");
}

TEST_CASE("with proxy_ssl_verify the backend must be who it is meant to be, or it is a 502 and sees no request") {
  const std::string verify = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.crt; ";
  SUBCASE("it is") {
    Client client;
    ask(client, verify + "proxy_ssl_name backend.test;", "backend.test");
    CHECK(client.head.status == 200);
  }
  SUBCASE("another name") {
    Client client;
    std::string log;
    const Seen seen = ask(client, verify + "proxy_ssl_name other.test;", "backend.test", &log);
    CHECK(client.head.status == 502);
    CHECK(seen.head.empty());
    CHECK(log.find("while SSL handshaking to upstream") != std::string::npos);
  }
  SUBCASE("an unknown authority") {
    Client client;
    const Seen seen = ask(client, verify + "proxy_ssl_name stranger.test;", "stranger.test");
    CHECK(client.head.status == 502);
    CHECK(seen.head.empty());
  }
}

TEST_CASE("proxy_ssl_verify without anything to trust is refused at start") {
  const World world(World::location("/", "proxy_ssl_verify on; proxy_pass https://a;"));
  CHECK(world.errors.find("no proxy_ssl_trusted_certificate for proxy_ssl_verify in /etc/test.conf:3") !=
        std::string::npos);
}

// CVE-2026-1642: nginx took text before the handshake for the backend's answer.
TEST_CASE("what a backend says before the handshake is not an answer") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass https://" + backend.address() + ";"));
  Client client;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      co_await side->say(ok);
      co_await side->rest();
    };
    co_await async::both(world.ask(Request(), client), serve());
  });
  CHECK(client.head.status == 502);
  CHECK(client.text.find("ok") != 0);
}

TEST_CASE("a TLS connection is kept and used again") {
  Backend backend;
  World world(World::location("/v2/", "proxy_pass https://" + backend.address() + ";"));
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      Fd socket = co_await backend.accept_socket();
      auto encrypted = std::make_unique<tls::TlsTransport>(async::Loop::current(), std::move(socket),
                                                           tls_test::only_host(host_parameters("backend.test")));
      co_await encrypted->handshake(patience);
      BackendSide side(std::move(encrypted));
      co_await side.head();
      co_await side.say(ok);
      co_await side.head();
      co_await side.say(ok);
    };
    auto ask_twice = [&]() -> Task<void> {
      for (int i = 0; i < 2; ++i) {
        Client client;
        Request request;
        co_await world.ask(request, client);
        CHECK(client.text == "ok");
      }
    };
    co_await async::both(ask_twice(), serve());
  });
  CHECK(backend.nobody_waits());
}

namespace {

// What the backend learnt of each of several connections, one request each, all under `directives`.
std::vector<tls::Facts> connections(const std::string& directives, std::size_t count, const config::Files& files,
                                    const std::string& target = "/v2/") {
  Backend backend;
  tls::ServerParameters host = host_parameters("backend.test");
  host.clients.mode = tls::ClientVerification::OptionalNoCa;
  const auto hosts = tls_test::only_host(host);
  World world(World::location("/v2/", directives + " proxy_pass https://" + backend.address() + ";"), nullptr, files);
  std::vector<tls::Facts> all;
  run([&]() -> Task<void> {
    auto serve = [&]() -> Task<void> {
      for (std::size_t i = 0; i < count; ++i) {
        Fd socket = co_await backend.accept_socket();
        auto encrypted = std::make_unique<tls::TlsTransport>(async::Loop::current(), std::move(socket), hosts);
        co_await encrypted->handshake(patience);
        all.push_back(encrypted->facts());
        BackendSide side(std::move(encrypted));
        co_await side.head();
        co_await side.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      }
    };
    auto ask_all = [&]() -> Task<void> {
      for (std::size_t i = 0; i < count; ++i) {
        Client client;
        Request request;
        request.target = target;
        co_await world.ask(request, client);
        CHECK(client.head.status == 200);
      }
    };
    co_await async::both(ask_all(), serve());
  });
  return all;
}

config::Files client_files() {
  return {{"/etc/me.crt", identity_of("me.test").certificate_pem()}, {"/etc/me.key", identity_of("me.test").key_pem()}};
}

}  // namespace

TEST_CASE("a backend that asks for a certificate is shown proxy_ssl_certificate") {
  const auto with = connections("proxy_ssl_certificate me.crt; proxy_ssl_certificate_key me.key;", 1, client_files());
  REQUIRE(with.front().client_certificate);
  CHECK(with.front().client_certificate->subject == "CN=me.test");
  CHECK_FALSE(
      connections("proxy_ssl_certificate \"\"; proxy_ssl_certificate_key \"\";", 1, {}).front().client_certificate);
  CHECK_FALSE(connections("proxy_ssl_certificate $arg_none; proxy_ssl_certificate_key $arg_none;", 1, {})
                  .front()
                  .client_certificate);
}

TEST_CASE("the certificate of a name with variables is read when it is needed, and a bad one is our own fault") {
  Client client;
  std::string log;
  ask(client, "proxy_ssl_certificate $arg_c.crt; proxy_ssl_certificate_key $arg_c.key;", "backend.test", nullptr);
  CHECK(client.head.status == 500);
}

TEST_CASE("sessions are resumed, unless proxy_ssl_session_reuse is off") {
  const auto resumed = connections("proxy_ssl_protocols TLSv1.2;", 2, {});
  CHECK_FALSE(resumed[0].session_reused);
  CHECK(resumed[1].session_reused);
  CHECK_FALSE(connections("proxy_ssl_protocols TLSv1.2; proxy_ssl_session_reuse off;", 2, {})[1].session_reused);
}

TEST_CASE("proxy_ssl_conf_command has the last word") {
  const auto seen = connections(
      "proxy_ssl_conf_command MaxProtocol TLSv1.2; proxy_ssl_conf_command Ciphersuites "
      "TLS_AES_128_GCM_SHA256;",
      1, {});
  CHECK(seen.front().protocol == "TLSv1.2");
}
