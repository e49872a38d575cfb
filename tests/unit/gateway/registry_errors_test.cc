#include "unit/gateway/gate_harness.h"

using gate_test::Gate;
using gate_test::Response;

TEST_CASE(
    "with registry_json_errors on, refusals under /v2/ have a registry's body and version header, others a page") {
  Gate gate(R"(server { registry_json_errors on; client_max_body_size 10;
    location /v2/ { if ($arg_s = 401) { return 401; } if ($arg_s = 404) { return 404; } return 503; }
    location /ui/ { return 401; } })");
  const Response refused = gate.ask({"GET", "/v2/?s=401"});
  CHECK(refused.body == "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}\n");
  CHECK(*refused.head.headers.find("Content-Type") == "application/json; charset=utf-8");
  CHECK(*refused.head.headers.find("Docker-Distribution-Api-Version") == "registry/2.0");
  CHECK(gate.get("/v2/x").find("\"UNAVAILABLE\"") != std::string::npos);
  CHECK(gate.get("/v2/?s=404").find("<html>") == 0);
  CHECK(gate.get("/ui/").find("<html>") == 0);

  const Response large = gate.ask({"PUT", "/v2/x", {}, caisson::http::BodySize::declared(11)});
  CHECK(large.head.status == 413);
  CHECK(large.body ==
        "{\"errors\":[{\"code\":\"SIZE_INVALID\",\"message\":\"the request is larger than this server takes\","
        "\"detail\":{\"client_max_body_size\":10}}]}\n");
}

TEST_CASE("an error_page and a text of one's own win over a registry's body") {
  Gate gate(R"(server { registry_json_errors on;
    location /v2/paged { error_page 401 /page; return 401; }
    location /v2/text { return 401 text; }
    location = /page { return 200 page; } })");
  CHECK(gate.get("/v2/paged") == "page");
  CHECK(gate.get("/v2/text") == "text");
}

TEST_CASE("without the switch the same file gives nginx's pages") {
  Gate gate("server { location /v2/ { return 401; } }");
  CHECK(gate.get("/v2/").find("<html>") == 0);
}
