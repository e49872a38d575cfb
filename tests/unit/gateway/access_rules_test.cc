#include "gateway/access/access_rules.h"

#include "gateway/network.h"
#include "unit/gateway/gate_harness.h"

using caisson::gateway::Network;
using gate_test::Gate;

TEST_CASE("a network contains its addresses, also those written as IPv6") {
  const auto network = Network::parse("192.0.2.0/25").value();
  CHECK(network.contains("192.0.2.0"));
  CHECK(network.contains("192.0.2.127"));
  CHECK(network.contains("::ffff:192.0.2.127"));
  CHECK_FALSE(network.contains("192.0.2.128"));
  CHECK_FALSE(network.contains("2001:db8::1"));
  CHECK_FALSE(network.contains("unix:"));
  CHECK(Network::parse("2001:db8::/33")->contains("2001:db8:7fff::1"));
  CHECK_FALSE(Network::parse("2001:db8::/33")->contains("2001:db8:8000::1"));
  CHECK(Network::parse("0.0.0.0/0")->contains("203.0.113.9"));
  CHECK(Network::parse("unix:")->contains("unix:"));
  CHECK_FALSE(Network::parse("192.0.2.0/33"));
  CHECK_FALSE(Network::parse("192.0.2"));
  CHECK(Network::parse("192.0.2.1/24")->host_bits);
}

TEST_CASE("the first rule that fits decides, and an inner level's rules replace the outer ones") {
  Gate gate(R"(server {
    deny 192.0.2.1; allow 192.0.2.0/24; deny all;
    location / { try_files /none =204; }
    location /open { allow all; try_files /none =204; }
  })");
  gate.client = "192.0.2.1";
  CHECK(gate.status("/") == 403);
  CHECK(gate.status("/open") == 204);
  gate.client = "192.0.2.2";
  CHECK(gate.status("/") == 204);
  gate.client = "203.0.113.1";
  CHECK(gate.status("/") == 403);
}

TEST_CASE("a return answers before any rule: rewrite comes before access") {
  Gate gate("server { deny all; location / { return 200 early; } }");
  CHECK(gate.get("/") == "early");
}

TEST_CASE("limit_except has settings of its own for all methods but those it exempts; GET exempts HEAD") {
  Gate gate(R"(server { location / {
    limit_except GET { deny all; }
    return 200 $request_method;
  } })");
  CHECK(gate.get("/") == "GET");
  CHECK(gate.ask({"HEAD", "/"}).head.status == 200);
  CHECK(gate.ask({"PUT", "/"}).head.status == 403);
  CHECK(gate.ask({"BREW", "/"}).head.status == 403);
}

TEST_CASE("what cannot be read as a rule is refused with its line") {
  CHECK(Gate("server { allow 300.1.1.1; }").errors.find("invalid parameter \"300.1.1.1\"") != std::string::npos);
  CHECK(Gate("server { satisfy one; }").errors.find("invalid value \"one\"") != std::string::npos);
  CHECK(Gate("server { location / { limit_except GETT { deny all; } } }").errors.find("invalid method \"GETT\"") !=
        std::string::npos);
}
