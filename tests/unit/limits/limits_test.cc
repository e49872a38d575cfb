#include "limits/module.h"

#include "unit/gateway/gate_harness.h"

using gate_test::Response;

namespace {

struct Gate : gate_test::Gate {
  explicit Gate(const std::string& http) : gate_test::Gate(http, &caisson::limits::describe) {}
};

// What one location is refused for, with the zones there are.
std::string refusal_of(const std::string& directive) {
  Gate gate("limit_req_zone $arg_k zone=req:1m rate=1r/s; limit_conn_zone $arg_k zone=conn:1m; server { " + directive +
            " }");
  return gate.errors;
}

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("requests over the rate and its burst are refused, by key; an empty key is not counted") {
  Gate gate(R"(limit_req_zone $arg_k zone=z:1m rate=1r/m;
    server { location / { limit_req zone=z burst=1 nodelay; add_header X-Limit $limit_req_status always;
                          try_files /none =204; }
             location /other { limit_req zone=z; limit_req_status 429; try_files /none =204; } })");
  CHECK(gate.status("/?k=a") == 204);
  CHECK(gate.status("/?k=a") == 204);
  const Response refused = gate.ask({"GET", "/?k=a"});
  CHECK(refused.head.status == 503);
  CHECK(*refused.head.headers.find("X-Limit") == "REJECTED");
  CHECK(gate.status("/other?k=a") == 429);
  CHECK(gate.status("/?k=b") == 204);
  for (int i = 0; i < 5; ++i) CHECK(gate.status("/?k=") == 204);
}

TEST_CASE("a request that is delayed waits its turn and is answered") {
  Gate gate(R"(limit_req_zone $arg_k zone=z:1m rate=20r/s;
    server { limit_req zone=z burst=5; add_header X-Limit $limit_req_status; location / { try_files /none =204; } })");
  CHECK(gate.status("/?k=a") == 204);
  const auto begun = std::chrono::steady_clock::now();
  const Response delayed = gate.ask({"GET", "/?k=a"});
  CHECK(delayed.head.status == 204);
  CHECK(*delayed.head.headers.find("X-Limit") == "DELAYED");
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(30));
}

TEST_CASE("of several zones the strictest decides, and what one refuses the others do not count") {
  Gate gate(R"(limit_req_zone $arg_a zone=a:1m rate=1r/m; limit_req_zone $arg_b zone=b:1m rate=1r/m;
    server { location / { limit_req zone=a burst=1 nodelay; limit_req zone=b burst=5 nodelay; try_files /none =204; }
             location /b { limit_req zone=b burst=1 nodelay; try_files /none =204; } })");
  CHECK(gate.status("/?a=x&b=y") == 204);
  CHECK(gate.status("/?a=x&b=y") == 204);
  CHECK(gate.status("/?a=x&b=z") == 503);
  CHECK(gate.status("/b?b=z") == 204);
  CHECK(gate.status("/b?b=z") == 204);
  CHECK(gate.status("/b?b=z") == 503);
}

TEST_CASE("a dry run refuses nobody and says what it would have done") {
  Gate gate(R"(limit_req_zone $arg_k zone=z:1m rate=1r/m; limit_conn_zone $arg_k zone=c:1m;
    server { limit_req zone=z; limit_req_dry_run on; limit_conn c 1; add_header X-Req $limit_req_status;
             add_header X-Conn $limit_conn_status; location / { try_files /none =204; } })");
  CHECK(*gate.ask({"GET", "/?k=a"}).head.headers.find("X-Req") == "PASSED");
  const Response over = gate.ask({"GET", "/?k=a"});
  CHECK(over.head.status == 204);
  CHECK(*over.head.headers.find("X-Req") == "REJECTED_DRY_RUN");
  CHECK(*over.head.headers.find("X-Conn") == "PASSED");
}

TEST_CASE("a request that came too early is told when the rate lets it pass, where its status has room for that") {
  Gate gate(R"(limit_req_zone $arg_k zone=z:1m rate=6r/m;
    server { limit_req zone=z; location / { try_files /none =204; } 
             location /429 { limit_req zone=z; limit_req_status 429; try_files /none =204; }
             location /444 { limit_req zone=z; limit_req_status 418; try_files /none =204; } })");
  const auto retry_after = [&](const std::string& target) -> std::string {
    const Response refused = gate.ask({"GET", target});
    CHECK(refused.head.status != 204);
    const std::string* value = refused.head.headers.find("Retry-After");
    return value == nullptr ? "none" : *value;
  };
  CHECK(gate.status("/?k=a") == 204);
  CHECK(retry_after("/?k=a") == "10");
  CHECK(retry_after("/429?k=a") == "10");
  CHECK(retry_after("/444?k=a") == "none");
}

TEST_CASE("limits are asked after rewrite and before access, once a request") {
  Gate gate(R"(limit_req_zone $arg_k zone=z:1m rate=1r/m;
    server { limit_req zone=z;
             location /early { return 200 early; }
             location /deny { deny all; }
             location /moved { try_files /none /target; }
             location /target { try_files /none =204; } })");
  for (int i = 0; i < 3; ++i) CHECK(gate.get("/early?k=a") == "early");
  CHECK(gate.status("/deny?k=a") == 403);
  CHECK(gate.status("/deny?k=a") == 503);
  CHECK(gate.status("/moved?k=b") == 204);
}

TEST_CASE("an inner level's limits replace all outer ones") {
  Gate gate(R"(limit_req_zone $arg_a zone=a:1m rate=1r/m; limit_req_zone $arg_b zone=b:1m rate=1r/m;
    server { limit_req zone=a; location / { limit_req zone=b; try_files /none =204; } })");
  CHECK(gate.status("/?a=x") == 204);
  CHECK(gate.status("/?a=x") == 204);
  CHECK(gate.status("/?b=x") == 204);
  CHECK(gate.status("/?b=x") == 503);
}

TEST_CASE("a zone may be made behind its use, and one that nothing makes is refused") {
  CHECK(Gate("server { limit_req zone=late; } limit_req_zone $arg_k zone=late:1m rate=1r/s;").errors.empty());
  CHECK(says(refusal_of("limit_req zone=none;"), "zero size shared memory zone \"none\" in /etc/test.conf:3"));
  CHECK(says(refusal_of("limit_conn none 1;"), "zero size shared memory zone \"none\" in /etc/test.conf:3"));
}

TEST_CASE("what nginx refuses of limits is refused in its words") {
  CHECK(says(refusal_of("limit_req burst=1;"), "\"limit_req\" must have \"zone\" parameter"));
  CHECK(says(refusal_of("limit_req zone=req burst=0;"), "invalid burst value \"burst=0\""));
  CHECK(says(refusal_of("limit_req zone=req delay=x;"), "invalid delay value \"delay=x\""));
  CHECK(says(refusal_of("limit_req zone=req fast;"), "invalid parameter \"fast\""));
  CHECK(says(refusal_of("limit_req zone=req; limit_req zone=req;"), "\"limit_req\" directive is duplicate"));
  CHECK(
      says(refusal_of("limit_req zone=conn;"), "the shared memory zone \"conn\" is already declared for a different"));
  CHECK(says(refusal_of("limit_conn conn 0;"), "invalid number of connections \"0\""));
  CHECK(says(refusal_of("limit_conn conn 65536;"), "connection limit must be less 65536"));
  CHECK(says(refusal_of("limit_conn_status 399;"), "value must be between 400 and 599"));
  CHECK(says(refusal_of("limit_req_log_level crit;"), "invalid value \"crit\""));
  CHECK(says(Gate("limit_req_zone $a zone=z rate=1r/s;").errors, "invalid zone size \"zone=z\""));
  CHECK(says(Gate("limit_req_zone $a zone=z:1k rate=1r/s;").errors, "zone \"zone=z:1k\" is too small"));
  CHECK(says(Gate("limit_req_zone $a zone=z:1m rate=0r/s;").errors, "invalid rate \"rate=0r/s\""));
  CHECK(says(Gate("limit_conn_zone $arg_a zone=z:1m; limit_conn_zone $arg_b zone=z:1m;").errors,
             "limit_conn_zone \"z\" is already bound to key \"$arg_a\""));
}
