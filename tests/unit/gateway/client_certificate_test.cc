#include "unit/gateway/gate_harness.h"

using gate_test::Gate;
using gate_test::Request;
using gate_test::Response;
using namespace caisson;

namespace {

constexpr const char* two_servers = R"(
  server { listen 443 ssl; server_name open.test; return 200 "open $ssl_client_verify"; }
  server { listen 443 ssl; server_name closed.test; ssl_verify_client on; return 200 $ssl_client_verify; }
  server { listen 443 ssl; server_name asking.test; ssl_verify_client optional; return 200 $ssl_client_verify; }
)";

enum class Shown { None, Good, Bad };

Response visit(const char* server_name, const char* host, Shown shown) {
  Gate gate(two_servers);
  gate.connection = [&](http::ConnectionInfo& info) {
    info.tls = true;
    info.tls_server_name = server_name;
    if (shown == Shown::None) return;
    auto certificate = std::make_shared<ClientCertificate>();
    certificate->verified = shown == Shown::Good;
    certificate->failure = "self-signed certificate";
    info.client_certificate = std::move(certificate);
  };
  return gate.ask({"GET", "/", {{"Host", host}}});
}

}  // namespace

TEST_CASE("a server that verifies clients tells who showed nothing from who showed a bad certificate") {
  CHECK(visit("closed.test", "closed.test", Shown::Good).body == "SUCCESS");
  const Response none = visit("closed.test", "closed.test", Shown::None);
  CHECK(none.head.status == 400);
  CHECK(none.body.find("No required SSL certificate was sent") != std::string::npos);
  const Response bad = visit("closed.test", "closed.test", Shown::Bad);
  CHECK(bad.head.status == 400);
  CHECK(bad.body.find("The SSL certificate error") != std::string::npos);
}

TEST_CASE("an optional certificate may be missing, but not be bad") {
  CHECK(visit("asking.test", "asking.test", Shown::None).body == "NONE");
  CHECK(visit("asking.test", "asking.test", Shown::Good).body == "SUCCESS");
  CHECK(visit("asking.test", "asking.test", Shown::Bad).head.status == 400);
}

TEST_CASE("a server that verifies clients takes no request of a handshake that was made for another") {
  CHECK(visit("open.test", "closed.test", Shown::Good).head.status == 421);
  CHECK(visit("", "closed.test", Shown::Good).head.status == 421);  // the default server made it
  CHECK(visit("closed.test", "asking.test", Shown::Good).head.status == 421);
  CHECK(visit("closed.test", "open.test", Shown::None).body == "open NONE");
}
