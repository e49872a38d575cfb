#include "gateway/access/split_clients.h"
#include "unit/gateway/gate_harness.h"

using gate_test::Gate;
using gate_test::Response;

TEST_CASE("what has no effect is accepted and told in one line; what narrows access or needs a module is refused") {
  Gate gate("brotli on; sendfile on; server { location / { return 200 ok; } }");
  CHECK(gate.get("/") == "ok");
  CHECK(gate.warnings.find("\"brotli\" (/etc/test.conf:3), \"sendfile\"") != std::string::npos);
  const std::string ldap = Gate("server { location / { auth_ldap Forbidden; } }").errors;
  CHECK(ldap.find("the \"auth_ldap\" directive is not supported in /etc/test.conf:3") != std::string::npos);
  CHECK(ldap.find("auth_basic") != std::string::npos);
  CHECK_FALSE(Gate("server { location / { fastcgi_pass 192.0.2.1:9000; } }").errors.empty());
  CHECK(Gate("server { location / { fastcgi_param A b; } }").errors.empty());
  CHECK_FALSE(Gate("server { ssl_ocsp on; }").errors.empty());
}

TEST_CASE("the client is whom a trusted proxy names, and nobody else's word counts") {
  Gate gate(R"(
    set_real_ip_from 192.0.2.0/24; real_ip_header X-Forwarded-For;
    geo $near { default no; 203.0.113.0/24 wide; 203.0.113.128/25 narrow; }
    server {
      location / { return 200 "$remote_addr $realip_remote_addr $near"; }
      location /deep { real_ip_recursive on; try_files /none @deep; }
      location @deep { return 200 $remote_addr; }
    })");
  const auto with = [&](const char* target, const char* list) {
    return gate.ask({"GET", target, {{"X-Forwarded-For", list}}}).body;
  };
  CHECK(with("/", "10.0.0.1, 203.0.113.5") == "203.0.113.5 192.0.2.1 wide");
  CHECK(with("/", "203.0.113.200:4711") == "203.0.113.200 192.0.2.1 narrow");
  CHECK(with("/", "nonsense") == "192.0.2.1 192.0.2.1 no");
  gate.client = "198.51.100.1";
  CHECK(with("/", "203.0.113.5") == "198.51.100.1 198.51.100.1 no");
}

TEST_CASE("split_clients divides by nginx's hash") {
  CHECK(caisson::gateway::murmur_hash2("") == 0);
  Gate gate(R"(split_clients $arg_x $half { 50% first; * second; }
    split_clients $arg_x $all { 100% all; }
    server { location / { return 200 "$half $all"; } })");
  CHECK(gate.get("/?x=a") == gate.get("/?x=a"));
  int first = 0;
  for (int i = 0; i < 200; ++i) first += gate.get("/?x=" + std::to_string(i)).starts_with("first") ? 1 : 0;
  CHECK(first > 60);
  CHECK(first < 140);
}

TEST_CASE("charset is named on text types alone, expires sets both headers") {
  Gate gate(R"(server { charset utf-8;
    location /text { default_type text/plain; return 200 x; }
    location /json { default_type application/json; expires max; return 200 x; }
    location /past { expires -1; return 200 x; }
    location /hour { expires 1h; return 200 x; }
    location /gone { expires 1h; return 404; }
  })");
  const auto header = [&](const char* target, const char* name) { return gate.ask({"GET", target}).header(name); };
  CHECK(header("/text", "Content-Type") == "text/plain; charset=utf-8");
  CHECK(header("/gone", "Content-Type") == "text/html; charset=utf-8");
  CHECK(header("/json", "Content-Type") == "application/json");
  CHECK(header("/json", "Expires") == "Thu, 31 Dec 2037 23:55:55 GMT");
  CHECK(header("/json", "Cache-Control") == "max-age=315360000");
  CHECK(header("/past", "Cache-Control") == "no-cache");
  CHECK(header("/hour", "Cache-Control") == "max-age=3600");
  CHECK(header("/gone", "Expires") == "(none)");
}

TEST_CASE("a rewrite to another server redirects, whatever its flag says of locations") {
  Gate gate("server { location / { rewrite ^(.*)$ https://$host$1 last; } }");
  const Response moved = gate.ask({"GET", "/v2/"});
  CHECK(moved.head.status == 302);
  CHECK(*moved.head.headers.find("Location") == "https://a.example/v2/");
}

TEST_CASE("what has no effect is checked all the same, in nginx's words") {
  const auto first = [](const std::string& text) {
    const std::string errors = Gate("server { location / { " + text + " } }").errors;
    return errors.substr(0, errors.find(" in /etc"));
  };
  CHECK(first("gzip on;").empty());
  CHECK(first("gzip maybe;") == "invalid value \"maybe\" in \"gzip\" directive, it must be \"on\" or \"off\"");
  CHECK(first("gzip on; gzip off;") == "\"gzip\" directive is duplicate");
  CHECK(first("gzip_comp_level 10;") == "value must be between 1 and 9");
  CHECK(first("gzip_proxied any never;") == "invalid value \"never\"");
  CHECK(first("gzip_buffers 4 0;") == "\"gzip_buffers\" directive invalid value");
  CHECK(first("directio 4m; aio threads=p;").empty());
  CHECK(first("directio often;") == "\"directio\" directive invalid value");
  CHECK(first("open_file_cache inactive=1m;") == "\"open_file_cache\" must have the \"max\" parameter");
  CHECK(first("open_file_cache max=none;") == "invalid \"open_file_cache\" parameter \"max=none\"");
  CHECK(first("uwsgi_read_timeout soon;") == "\"uwsgi_read_timeout\" directive invalid value");
  CHECK(first("scgi_cache_path /x keys_zone=a:1m;") == "\"scgi_cache_path\" directive is not allowed here");
  CHECK(first("ssi off; userid off; slice 0;").empty());
  CHECK(first("ssi on;") == "\"ssi\" directive is supported as \"off\" only");
}
