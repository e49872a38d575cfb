// Who gets in, over sockets and with real backends behind.
#include <doctest/doctest.h>

#include <filesystem>
#include <stdexcept>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("in front of the embedded registry our own refusals are a registry's: docker shows their message") {
  TemporaryFolder data;
  std::filesystem::permissions(data.path(), std::filesystem::perms::all);
  const std::uint16_t port = free_port();
  Server server("", "upstream registry { registry " + data.path() +
                        "; } server { listen 127.0.0.1:" + std::to_string(port) +
                        "; client_max_body_size 10; location / { auth_basic Registry; auth_basic_user_file users; "
                        "proxy_pass http://registry; } location /plain/ { registry_json_errors off; deny all; "
                        "proxy_pass http://registry/; } }");
  server.folder().write("users", "alice:{PLAIN}alice-secret\n");
  server.start();

  const Answer challenged = ask(port, get_request("/v2/"));
  CHECK(challenged.status == 401);
  CHECK(challenged.header("WWW-Authenticate") == "Basic realm=\"Registry\"");
  CHECK(challenged.header("Docker-Distribution-Api-Version") == "registry/2.0");
  CHECK(challenged.header("Content-Type") == "application/json; charset=utf-8");
  CHECK(challenged.body ==
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":null}]}\n");
  CHECK(ask(port, get_request("/plain/v2/")).body.find("<html>") == 0);
  const Answer large = ask(port, "PUT /v2/a/manifests/x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
  CHECK(large.status == 413);
  CHECK(large.body.find("\"SIZE_INVALID\"") != std::string::npos);
}

namespace {

// One server, and what it answers.
struct Site {
  explicit Site(const std::string& locations, const std::string& http = "")
      : server("", http + " server { listen 127.0.0.1:" + std::to_string(port) + "; " + locations + " }") {}
  Answer get(std::string_view path, std::string_view headers = "") const {
    return ask(port, get_request(path, headers));
  }
  std::string log() const { return server.folder().read("error.log"); }

  std::uint16_t port = free_port();
  Server server;
};

std::string at(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }

}  // namespace

TEST_CASE(
    "auth_request asks by a GET with the client's headers and no body, and the client's body goes to the content") {
  RecordingBackend backend;
  Site site("location / { auth_request /auth; proxy_pass " + at(backend.port()) +
            "; } location = /auth { internal; proxy_pass " + at(backend.port()) +
            "; proxy_pass_request_body off; proxy_set_header Content-Length \"\"; "
            "proxy_set_header X-Original-URI $request_uri; proxy_set_header X-Method $request_method; }");
  site.server.start();
  const Answer answer = ask(site.port,
                            "PUT /v2/a?b=c HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n"
                            "Content-Length: 5\r\n\r\nhello");
  CHECK(answer.status == 200);
  CHECK(site.get("/auth").status == 404);
  const auto asked = backend.take();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].head.find("GET /auth HTTP/1.1\r\n") == 0);
  CHECK(asked[0].head.find("X-Original-URI: /v2/a?b=c\r\n") != std::string::npos);
  CHECK(asked[0].head.find("X-Method: PUT\r\n") != std::string::npos);
  CHECK(asked[0].head.find("Authorization: Bearer t\r\n") != std::string::npos);
  CHECK(asked[0].head.find("Content-Length") == std::string::npos);
  CHECK(asked[0].body.empty());
  CHECK(asked[1].head.find("PUT /v2/a?b=c HTTP/1.1\r\n") == 0);
  CHECK(asked[1].body == "hello");
}

TEST_CASE("what auth_request is answered decides: 2xx lets in, 401 and 403 are told, anything else is 500 and logged") {
  Site site(R"(
    location /in { auth_request /204; try_files /none =204; }
    location /unknown { auth_request /401; }
    location /never { auth_request /403; }
    location /broken { auth_request /404; }
    location /paged { auth_request /paged-auth; try_files /none =204; }
    location = /204 { return 204; }
    location = /401 { add_header WWW-Authenticate one always; add_header WWW-Authenticate two always; return 401; }
    location = /403 { return 403; }
    location = /404 { return 404; }
    location = /paged-auth { error_page 404 =204 /204; return 404; })");
  site.server.start();
  CHECK(site.get("/in").status == 204);
  CHECK(site.get("/unknown").status == 401);
  CHECK(site.get("/never").status == 403);
  CHECK(site.get("/broken").status == 500);
  CHECK(site.get("/paged").status == 204);
  CHECK(site.log().find("auth request unexpected status: 404") != std::string::npos);
}

TEST_CASE("a challenge of the backend that was asked is passed on, and auth_request_set takes what it said") {
  const std::uint16_t inner = free_port();
  Site site(
      "location / { auth_request /auth; auth_request_set $who $upstream_http_x_user; "
      "auth_request_set $code $upstream_status; auth_request_set $absent $upstream_http_x_absent; "
      "add_header X-Who $who always; add_header X-Code $code always; add_header X-Absent \"<$absent>\" always; "
      "try_files /none =204; } location = /auth { proxy_pass " +
          at(inner) + "$request_uri; }",
      "server { listen 127.0.0.1:" + std::to_string(inner) +
          "; location / { add_header X-User alice always; return 200; } location /no { add_header X-User mallory "
          "always; add_header WWW-Authenticate 'Bearer realm=\"r\"' always; return 401; } }");
  site.server.start();
  const Answer let_in = site.get("/x");
  CHECK(let_in.status == 204);
  CHECK(let_in.header("X-Who") == "alice");
  CHECK(let_in.header("X-Code") == "200");
  CHECK(let_in.header("X-Absent") == "<>");
  const Answer refused = site.get("/no");
  CHECK(refused.status == 401);
  CHECK(refused.header("WWW-Authenticate") == "Bearer realm=\"r\"");
  CHECK(refused.header("X-Who") == "mallory");
}

TEST_CASE(
    "a subrequest passes its server's script and its location's, shares the variables, and is not checked itself") {
  Site site(R"(
    auth_request /auth;
    set $seen "$seen<$uri>";
    location / { add_header X-Seen $seen; try_files /none =204; }
    location = /auth { deny all; set $seen "$seen[auth]"; return 204; })");
  site.server.start();
  const Answer answer = site.get("/a");
  CHECK(answer.status == 204);
  CHECK(answer.header("X-Seen") == "</a></auth>[auth]");
}

TEST_CASE("satisfy any: one of address, password and auth_request is enough, all are needed otherwise") {
  Site site(R"(
    location /any { satisfy any; deny all; auth_basic r; auth_basic_user_file users; auth_request /ask;
                    try_files /none =204; }
    location /all { allow all; auth_basic r; auth_basic_user_file users; auth_request /ask; try_files /none =204; }
    location = /ask { if ($http_x_pass = yes) { return 204; } return 403; })");
  site.server.folder().write("users", "alice:{PLAIN}secret\n");
  std::filesystem::permissions(site.server.folder().path(), std::filesystem::perms(0755));
  site.server.start();
  CHECK(site.get("/any").status == 401);
  CHECK(site.get("/any").header("WWW-Authenticate") == "Basic realm=\"r\"");
  CHECK(site.get("/any", basic("alice", "secret")).status == 204);
  CHECK(site.get("/any", "X-Pass: yes\r\n").status == 204);
  CHECK(site.get("/all", "X-Pass: yes\r\n").status == 401);
  CHECK(site.get("/all", basic("alice", "secret")).status == 403);
  CHECK(site.get("/all", basic("alice", "secret") + "X-Pass: yes\r\n").status == 204);
}

TEST_CASE("log_subrequest writes a line for a subrequest, and errors of one say that they are its") {
  Site site(R"(
    access_log sub.log sub;
    location /logged { auth_request /ask; }
    location = /ask { log_subrequest on; return 403; }
    location /silent { auth_request /mute; }
    location = /mute { root /nowhere; })",
            "log_format sub \"$request_method $request_uri $uri $status\";");
  site.server.start();
  CHECK(site.get("/logged").status == 403);
  CHECK(site.get("/silent").status == 500);
  CHECK(eventually([&] { return site.server.folder().read("sub.log").find("/silent") != std::string::npos; }));
  CHECK(site.server.folder().read("sub.log") ==
        "GET /logged /ask 403\nGET /logged /logged 403\nGET /silent /silent 500\n");
  CHECK(site.log().find("request: \"GET /silent HTTP/1.1\", subrequest: \"/mute\", host: ") != std::string::npos);
}

TEST_CASE("an authenticator whose body never ends is not waited for once its answer is known") {
  Backend authenticator;
  Site site("location / { auth_request /auth; try_files /none =204; } location = /auth { proxy_pass " +
            at(authenticator.port()) + "; }");
  site.server.start();
  Wire client = Wire::to(site.port);
  client.send(get_request("/"));
  Wire asked = authenticator.accept();
  asked.read_until("\r\n\r\n");
  asked.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
  try {
    asked.send(std::string(4 * 1024 * 1024, 'x'));
  } catch (const std::runtime_error&) {  // it hung up on us
  }
  CHECK(read_answer(client).status == 204);
}

TEST_CASE("limits hold over all loops: one zone, whichever loop a connection is on") {
  const std::uint16_t port = free_port();
  Server server("worker_processes 4;",
                "limit_req_zone all zone=req:1m rate=1r/m; server { listen 127.0.0.1:" + std::to_string(port) +
                    "; location / { limit_req zone=req burst=3 nodelay; try_files /none =204; } }");
  server.start();
  int passed = 0;
  for (int i = 0; i < 12; ++i) passed += ask(port, get_request("/")).status == 204 ? 1 : 0;
  CHECK(passed == 4);
  CHECK(server.folder().read("error.log").find("limiting requests, excess: ") != std::string::npos);
  CHECK(server.folder().read("error.log").find(" by zone \"req\"") != std::string::npos);
}

TEST_CASE("limit_conn counts a request until it has ended, also one whose client left") {
  Backend backend;
  Site site("location / { limit_conn one 1; proxy_pass " + at(backend.port()) +
                "; } location /free { try_files /none =204; }",
            "limit_conn_zone all zone=one:1m;");
  site.server.start();
  {
    Wire first = Wire::to(site.port);
    first.send(get_request("/"));
    Wire held = backend.accept();
    CHECK(site.get("/").status == 503);
    CHECK(site.get("/free").status == 204);
  }
  CHECK(site.log().find("limiting connections by zone \"one\"") != std::string::npos);
  // Gone with its client: the next one gets through to the backend, which hangs up on it.
  backend.close();
  CHECK(eventually([&] { return site.get("/").status == 502; }));
}

TEST_CASE("stub_status counts connections and requests over all loops") {
  const std::uint16_t port = free_port();
  Server server("worker_processes 3;",
                "server { listen 127.0.0.1:" + std::to_string(port) + "; location / { stub_status; } }");
  server.start();
  Wire idle = Wire::to(port);
  idle.send(get_request("/"));
  CHECK(read_answer(idle).body ==
        "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \n"
        "Reading: 0 Writing: 1 Waiting: 0 \n");
  Wire asking = Wire::to(port);
  std::string seen;
  CHECK(eventually([&] {  // the first connection has ended its request
    asking.send(get_request("/"));
    seen = read_answer(asking).body;
    return seen.ends_with("Reading: 0 Writing: 1 Waiting: 1 \n");
  }));
  CHECK(seen.starts_with("Active connections: 2 \nserver accepts handled requests\n 2 2 "));
  CHECK(ask(port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").status == 405);
}
