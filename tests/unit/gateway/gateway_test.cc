#include "unit/gateway/gate_harness.h"

using gate_test::Gate;
using gate_test::Request;
using gate_test::Response;

TEST_CASE("a location is chosen as nginx chooses: exact, then the longest prefix, then the first regex") {
  Gate gate(R"(server {
    location = / { return 200 exact; }
    location / { return 200 root; }
    location /documents/ { return 200 documents; }
    location ^~ /images/ { return 200 images; }
    location ~* \.(gif|jpg)$ { return 200 regex; }
  })");
  CHECK(gate.get("/") == "exact");
  CHECK(gate.get("/index.html") == "root");
  CHECK(gate.get("/documents/document.html") == "documents");
  CHECK(gate.get("/images/1.gif") == "images");
  CHECK(gate.get("/documents/1.JPG") == "regex");
}

TEST_CASE("the documented user-agent rule turns old Docker away and lets 1.5.0-dev and modern clients through") {
  Gate gate(R"(server { location /v2/ {
    if ($http_user_agent ~ "^(docker\/1\.(3|4|5(?!\.[0-9]-dev))|Go ).*$" ) { return 404; }
    return 200 "{}";
  } })");
  const auto with_agent = [&](const char* agent) {
    return gate.ask({"GET", "/v2/", {{"User-Agent", agent}}}).head.status;
  };
  CHECK(with_agent("docker/1.3.0") == 404);
  CHECK(with_agent("docker/1.5.0") == 404);
  CHECK(with_agent("Go 1.1 package http") == 404);
  CHECK(with_agent("docker/1.5.0-dev") == 200);
  CHECK(with_agent("docker/20.10.24+dfsg1 go/go1.19.8") == 200);
  CHECK(with_agent("Go-http-client/1.1") == 200);
}

TEST_CASE(
    "add_header without always stays off errors, an inner one replaces all outer ones, an empty one is not sent") {
  Gate gate(R"(server {
    add_header X-Outer yes;
    add_header X-Outer-Always yes always;
    location /ok { return 200 ok; }
    location /no { return 404; }
    location /inner { add_header X-Inner $arg_v; return 200 ok; }
  })");
  CHECK(gate.ask({"GET", "/ok"}).head.headers.has("X-Outer"));
  const Response refused = gate.ask({"GET", "/no"});
  CHECK_FALSE(refused.head.headers.has("X-Outer"));
  CHECK(refused.head.headers.has("X-Outer-Always"));
  CHECK_FALSE(gate.ask({"GET", "/inner"}).head.headers.has("X-Outer"));
  CHECK_FALSE(gate.ask({"GET", "/inner"}).head.headers.has("X-Inner"));
  CHECK(*gate.ask({"GET", "/inner?v=1"}).head.headers.find("X-Inner") == "1");
}

TEST_CASE("a map looks up exact values without case, then regexes with their captures, then its default") {
  Gate gate(R"(
    map $http_x $mapped { default other; Exact found; ~^(?<tail>b.*)$ "regex $tail"; '' empty; }
    server { location / { return 200 $mapped; } })");
  const auto with = [&](const char* value) { return gate.ask({"GET", "/", {{"X", value}}}).body; };
  CHECK(with("exact") == "found");
  CHECK(with("bcd") == "regex bcd");
  CHECK(with("zzz") == "other");
  CHECK(gate.get("/") == "empty");
}

TEST_CASE("rewrite last looks for a location anew, and ten rounds are enough") {
  Gate gate(R"(server {
    location /a/ { rewrite ^/a/(.*)$ /b/$1?from=a last; return 200 a; }
    location /b/ { return 200 "$uri $args"; }
    location /loop { rewrite ^ /loop2 last; }
    location /loop2 { rewrite ^ /loop last; }
  })");
  CHECK(gate.get("/a/x?q=1") == "/b/x from=a&q=1");
  CHECK(gate.status("/loop") == 500);
}

TEST_CASE("a redirect is made absolute with the host that the client used") {
  Gate gate("server { location / { return 301 /new$request_uri; } }");
  CHECK(*gate.ask({"GET", "/x?y"}).head.headers.find("Location") == "http://a.example/new/x?y");
}

TEST_CASE("error_page brings a named location with a status of its own") {
  Gate gate(R"(server {
    error_page 404 = @fallback;
    error_page 403 /denied.html;
    location /gone { return 404; }
    location /no { return 403; }
    location = /denied.html { return 200 "page of denial"; }
    location @fallback { return 202 fallback; }
  })");
  CHECK(gate.ask({"GET", "/gone"}).head.status == 202);
  CHECK(gate.get("/gone") == "fallback");
  CHECK(gate.ask({"GET", "/no"}).head.status == 403);
  CHECK(gate.get("/no") == "page of denial");
}

TEST_CASE("the server is chosen by name: exact, wildcard, regex, default") {
  Gate gate(R"(
    server { server_name first.example; return 200 first; }
    server { server_name *.wild.example; return 200 wild; }
    server { server_name ~^(?<who>\w+)\.regex\.example$; return 200 $who; }
    server { listen 80 default_server; server_name _; return 200 default; })");
  const auto ask = [&](const char* host) { return gate.ask({"GET", "/", {{"Host", host}}}).body; };
  CHECK(ask("FIRST.example:5043") == "first");
  CHECK(ask("a.wild.example") == "wild");
  CHECK(ask("team.regex.example") == "team");
  CHECK(ask("other.example") == "default");
}

TEST_CASE("a declared body over client_max_body_size is 413 before anything else of the location") {
  Gate gate("server { client_max_body_size 1k; location / { return 200 ok; } }");
  Request request{"PUT", "/", {}, caisson::http::BodySize::declared(1025)};
  CHECK(gate.ask(request).head.status == 413);
  request.body = caisson::http::BodySize::declared(1024);
  CHECK(gate.ask(request).head.status == 200);
}

TEST_CASE("one version header leaves, however often the configuration says it, and none that it does not say") {
  Gate bare("server { location /v2/ { return 401; } }");
  CHECK(bare.ask({"GET", "/v2/"}).head.headers.count("Docker-Distribution-Api-Version") == 0);
  Gate twice(R"(server { location /v2/ {
    add_header Docker-Distribution-Api-Version registry/2.0 always;
    add_header Docker-Distribution-Api-Version registry/2.0 always;
    return 401; } })");
  CHECK(twice.ask({"GET", "/v2/"}).head.headers.count("Docker-Distribution-Api-Version") == 1);
}

TEST_CASE("all errors of a configuration are told, each with its line, in nginx's words") {
  Gate gate("server {\n  lisen 80;\n  location / { return 200 $nobody; }\n  client_max_body_size 10q;\n}\nlisten 80;");
  CHECK(gate.errors.find("unknown directive \"lisen\" in /etc/test.conf:4 (did you mean \"listen\"?)") !=
        std::string::npos);
  CHECK(gate.errors.find("\"client_max_body_size\" directive invalid value in /etc/test.conf:6") != std::string::npos);
  CHECK(gate.errors.find("\"listen\" directive is not allowed here in /etc/test.conf:8") != std::string::npos);
  CHECK(gate.errors.find("unknown \"nobody\" variable") != std::string::npos);
}

TEST_CASE("ssl on is taken with a warning that says what to write") {
  Gate gate("server { listen 443; ssl on; location / { return 200 x; } }");
  CHECK(gate.warnings.find("write \"listen ... ssl;\" instead") != std::string::npos);
}

TEST_CASE("a declared body over the server's limit is refused where no location matches, too") {
  Gate gate("server { client_max_body_size 10; location /other { } }");
  Request request{"PUT", "/"};
  request.body = caisson::http::BodySize::declared(11);
  CHECK(gate.ask(request).head.status == 413);
}
