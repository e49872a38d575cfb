#include <string>

#include "unit/gateway/gate_harness.h"

using gate_test::Gate;
using gate_test::Request;

namespace {

// The error, without its place.
std::string error_of(const std::string& servers) {
  const Gate gate(servers);
  return gate.errors.substr(0, gate.errors.find(" in /etc/test.conf"));
}

}  // namespace

TEST_CASE("listen takes every form of an address") {
  for (const char* address : {"8080", "*:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[::]:80 ipv6only=off",
                              "localhost:8080", "unix:/run/x.sock", "8080-8090"}) {
    CAPTURE(address);
    CHECK(error_of("server { listen " + std::string(address) + "; }") == "");
  }
}

TEST_CASE("listen takes nginx's options of the socket") {
  CHECK(error_of("server { listen 80 backlog=100 rcvbuf=8k sndbuf=8k reuseport deferred fastopen=5 "
                 "so_keepalive=30m::10 bind default_server proxy_protocol; }") == "");
}

TEST_CASE("listen refuses what nginx refuses, in its words") {
  CHECK(error_of("server { listen 70000; }") == "invalid port in \"70000\" of the \"listen\" directive");
  CHECK(error_of("server { listen 127.0.0.1:; }") == "invalid port in \"127.0.0.1:\" of the \"listen\" directive");
  CHECK(error_of("server { listen 90-80; }") == "invalid port range in \"90-80\" of the \"listen\" directive");
  CHECK(error_of("server { listen :80; }") == "no host in \":80\" of the \"listen\" directive");
  CHECK(error_of("server { listen 80 foo; }") == "invalid parameter \"foo\"");
  CHECK(error_of("server { listen 80 setfib=1; }") == "invalid parameter \"setfib=1\"");
  CHECK(error_of("server { listen 80 backlog=0; }") == "invalid backlog \"backlog=0\"");
  CHECK(error_of("server { listen 80 rcvbuf=x; }") == "invalid rcvbuf \"rcvbuf=x\"");
  CHECK(error_of("server { listen 80 so_keepalive=::; }") == "invalid so_keepalive value: \"::\"");
  CHECK(error_of("server { listen [::]:80 ipv6only=x; }") == "invalid ipv6only flags \"x\"");
  CHECK(error_of("server { listen 80; listen 80; }") == "a duplicate listen 0.0.0.0:80");
  CHECK(error_of("server { listen 80 default_server; } server { listen 80 default_server; }") ==
        "a duplicate default server for 0.0.0.0:80");
  CHECK(error_of("server { listen 80 backlog=1; } server { listen 80 backlog=2; }") ==
        "duplicate listen options for 0.0.0.0:80");
}

TEST_CASE("an address without options of its own shares the socket of its port's wildcard") {
  Gate gate(
      "server { listen 80; return 200 all; }\n"
      "server { listen 127.0.0.1:80; return 200 own; }");
  CHECK(gate.get("/") == "own");  // the harness's connections come in on the first endpoint, to 127.0.0.1
}

TEST_CASE("what a proxy says of its connection is a variable, and the client where it is trusted") {
  Gate gate(
      "server { set_real_ip_from 192.0.2.1; real_ip_header proxy_protocol;\n"
      "return 200 $remote_addr:$remote_port,$proxy_protocol_addr:$proxy_protocol_port,"
      "$proxy_protocol_server_addr:$proxy_protocol_server_port; }");
  CHECK(gate.get("/") == "192.0.2.1:0,:,:");
  gate.connection = [](caisson::http::ConnectionInfo& info) {
    info.forwarded = caisson::http::ForwardedConnection{"198.51.100.7", 4711, "203.0.113.1", 443};
  };
  CHECK(gate.get("/") == "198.51.100.7:4711,198.51.100.7:4711,203.0.113.1:443");
  gate.client = "192.0.2.99";
  CHECK(gate.get("/") == "192.0.2.99:0,198.51.100.7:4711,203.0.113.1:443");
}
