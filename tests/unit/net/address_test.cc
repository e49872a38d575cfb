#include "net/address.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson;
using namespace caisson::net;

TEST_CASE("an address shows itself as nginx's variables and logs do") {
  const auto v4 = Address::from_ip("1.2.3.4", 80);
  REQUIRE(v4);
  CHECK(v4->ip() == "1.2.3.4");
  CHECK(v4->text() == "1.2.3.4:80");
  const auto v6 = Address::from_ip("2001:DB8::1", 443);
  REQUIRE(v6);
  CHECK(v6->ip() == "2001:db8::1");
  CHECK(v6->text() == "[2001:db8::1]:443");
  const auto local = Address::from_unix_path("/run/x.sock");
  REQUIRE(local);
  CHECK(local->ip() == "unix:");
  CHECK(local->text() == "unix:/run/x.sock");
  CHECK(local->port() == 0);
}

TEST_CASE("only numeric addresses are taken for addresses") {
  for (const std::string text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "localhost", "[::1]", "::g", "1.2.3.4 ", "*"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::from_ip(text, 1));
  }
  CHECK_FALSE(Address::from_ip(std::string_view("1.2.3.4\0x", 9), 1));
  CHECK_FALSE(Address::from_unix_path(std::string(108, 'a')));
  CHECK(Address::from_unix_path(std::string(107, 'a')));
}

TEST_CASE("addresses know what they stand for, and compare by value") {
  CHECK(Address::any_v4(80).is_wildcard());
  CHECK(Address::from_ip("::", 80)->is_wildcard());
  CHECK(Address::from_ip("127.9.9.9", 80)->is_loopback());
  CHECK(Address::from_ip("::1", 80)->is_loopback());
  CHECK_FALSE(Address::from_ip("128.0.0.1", 80)->is_loopback());
  CHECK(Address::from_ip("::1", 80) == Address::from_ip("0:0::1", 80));
  CHECK_FALSE(Address::from_ip("::1", 80) == Address::from_ip("::1", 81));
  CHECK_FALSE(Address::from_ip("0.0.0.0", 80) == Address::from_ip("::", 80));
}

namespace {

// What parse() makes of the text: "host port", with "!" after a port that was written, or the problem.
std::string parsed(std::string_view text, Endpoint::Use use) {
  auto endpoint = Endpoint::parse(text, use, 8000);
  if (!endpoint.ok()) return endpoint.error().what;
  const Endpoint& e = endpoint.value();
  if (!e.unix_path.empty()) return "unix " + e.unix_path;
  return e.host + ' ' + std::to_string(e.port) + (e.has_port ? "!" : "");
}

}  // namespace

// Texts and problems as nginx 1.22 -t answers them.
TEST_CASE("listen arguments are read as nginx reads them") {
  const auto listen = [](std::string_view text) { return parsed(text, Endpoint::Use::Listen); };
  CHECK(listen("80") == "* 80!");
  CHECK(listen("*:80") == "* 80!");
  CHECK(listen("*") == "* 8000");
  CHECK(listen("1.2.3.4") == "1.2.3.4 8000");
  CHECK(listen("1.2.3.4:443") == "1.2.3.4 443!");
  CHECK(listen("[::]:80") == ":: 80!");
  CHECK(listen("[::1]") == "::1 8000");
  CHECK(listen("localhost:80") == "localhost 80!");
  CHECK(listen("80x") == "80x 8000");  // a name, which nginx then does not find
  CHECK(listen("unix:/tmp/x") == "unix /tmp/x");

  for (const char* text :
       {"0", "65536", "12345678", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:99999", "1.2.3.4:8o", "::1:80"}) {
    CAPTURE(text);
    CHECK(listen(text) == "invalid port");
  }
  CHECK(listen(":80") == "no host");
  CHECK(listen("[::1") == "invalid host");
  CHECK(listen("[::1]x") == "invalid host");
  CHECK(listen("127.0.0.1:80/x") == "invalid host");
  CHECK(listen("[zz]:80") == "invalid IPv6 address");
  CHECK(listen("unix:") == "no path in the unix domain socket");
  CHECK(listen("unix:/" + std::string(120, 'a')) == "too long path in the unix domain socket");
}

TEST_CASE("backends are read as nginx reads them") {
  const auto backend = [](std::string_view text) { return parsed(text, Endpoint::Use::Connect); };
  CHECK(backend("registry:5000") == "registry 5000!");
  CHECK(backend("80") == "80 8000");
  CHECK(backend("[::1]:5000") == "::1 5000!");
  CHECK(backend("unix:/run/r.sock") == "unix /run/r.sock");
  CHECK(backend("reg:") == "invalid port");
  CHECK(backend("reg:99999") == "invalid port");
  CHECK(backend(":80") == "no host");
  CHECK(backend("*:80") == "host not found");
}

TEST_CASE("what needs no look-up has its address at once") {
  const auto address = [](std::string_view text) {
    return Endpoint::parse(text, Endpoint::Use::Listen, 80).value().numeric();
  };
  CHECK(address("443")->text() == "0.0.0.0:443");
  CHECK(address("[::1]:443")->text() == "[::1]:443");
  CHECK(address("unix:/x")->text() == "unix:/x");
  CHECK_FALSE(address("localhost:80"));
}
