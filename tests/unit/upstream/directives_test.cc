// What the directives refuse, in nginx's words where nginx has some, and what they accept.
#include <doctest/doctest.h>

#include "http/handler.h"
#include "rules/phases.h"
#include "world.h"

using namespace upstream_test;

namespace {

std::string errors_of(const std::string& http) { return World(http).errors; }
std::string in_location(const std::string& directives) { return errors_of(World::location("/v2/", directives)); }

}  // namespace

TEST_CASE("a proxy_pass that cannot work is refused with its line") {
  CHECK(in_location("proxy_pass registry:5000;")
            .starts_with("invalid URL prefix in upstream \"registry:5000\" in /etc/test.conf:3"));
  CHECK(in_location("proxy_pass http://;").find("no host in upstream \"http://\"") != std::string::npos);
  CHECK(in_location("proxy_pass http://a:99999;").find("invalid port in upstream") != std::string::npos);
  CHECK(in_location("proxy_pass http://a; proxy_pass http://b;").find("\"proxy_pass\" directive is duplicate") !=
        std::string::npos);
  CHECK(errors_of("server { location ~ x { proxy_pass http://a/uri; } }").find("cannot have URI part") !=
        std::string::npos);
  CHECK(errors_of("server { location /x { if ($args) { proxy_pass http://a/uri; } } }").find("cannot have URI part") !=
        std::string::npos);
  CHECK(errors_of("upstream u { server 127.0.0.1:1; } " + World::location("/", "proxy_pass http://u:80;"))
            .find("upstream \"u\" may not have port 80") != std::string::npos);
}

TEST_CASE("upstream blocks are checked") {
  CHECK(errors_of("upstream u { }").find("no servers are inside upstream") != std::string::npos);
  CHECK(errors_of("upstream u { server 127.0.0.1:1; } upstream U { server 127.0.0.1:2; }")
            .find("duplicate upstream \"U\"") != std::string::npos);
  CHECK(errors_of("upstream u { server 127.0.0.1:1 wait=3; }").find("invalid parameter \"wait=3\"") !=
        std::string::npos);
  CHECK(errors_of("upstream u { server 127.0.0.1:1 weight=0; }").find("invalid parameter \"weight=0\"") !=
        std::string::npos);
  CHECK(errors_of("upstream u { server 127.0.0.1:1 backup; }").find("no servers in upstream \"u\"") !=
        std::string::npos);
  // Commercial nginx's.
  CHECK(errors_of("upstream u { server 127.0.0.1:1 slow_start=30s; }").find("invalid parameter \"slow_start=30s\"") !=
        std::string::npos);
  CHECK(errors_of("upstream u { server a:1 resolve; }").find("invalid parameter \"resolve\"") != std::string::npos);
  CHECK(errors_of("upstream u { zone u 4k; server a:1; }").find("zone \"u\" is too small") != std::string::npos);
  CHECK(errors_of("upstream u { keepalive 0; server a:1; }").find("invalid value \"0\" in \"keepalive\" directive") !=
        std::string::npos);
}

TEST_CASE("balancing methods are checked, and those that know no backup servers refuse them") {
  for (const std::string method : {"ip_hash", "hash $uri", "hash $uri consistent", "random", "random two least_conn"}) {
    CAPTURE(method);
    CHECK(errors_of("upstream u { " + method + "; server a:1; server b:1 weight=2 max_conns=3; }").empty());
    CHECK(errors_of("upstream u { " + method + "; server a:1; server b:1 backup; }")
              .find("balancing method does not support parameter \"backup\"") != std::string::npos);
  }
  CHECK(errors_of("upstream u { least_conn; server a:1; server b:1 backup; }").empty());
  CHECK(errors_of("upstream u { hash $uri rendezvous; server a:1; }").find("invalid parameter \"rendezvous\"") !=
        std::string::npos);
  CHECK(errors_of("upstream u { random one; server a:1; }").find("invalid parameter \"one\"") != std::string::npos);
  CHECK(errors_of("upstream u { random two fair; server a:1; }").find("invalid parameter \"fair\"") !=
        std::string::npos);
}

TEST_CASE("a block may stand behind the proxy_pass that names it") {
  CHECK(errors_of(World::location("/", "proxy_pass http://u;") +
                  " upstream u { zone u 64k; server unix:/run/registry.sock; server registry:5000 weight=5 max_fails=3 "
                  "fail_timeout=15s backup; keepalive 16; keepalive_timeout 30s; keepalive_requests 100; }")
            .empty());
}

TEST_CASE("directives about buffers and spools are accepted in every form, and their values checked") {
  CHECK(in_location("proxy_buffering off; proxy_request_buffering off; proxy_buffers 4 256k; proxy_buffer_size 128k;"
                    "proxy_busy_buffers_size 256k; proxy_max_temp_file_size 0; proxy_temp_path /tmp/x 1 2;"
                    "proxy_http_version 1.0; proxy_ignore_headers X-Accel-Buffering Expires; proxy_pass http://a;")
            .empty());
  CHECK(in_location("proxy_buffering maybe;").find("invalid value \"maybe\"") != std::string::npos);
  CHECK(in_location("proxy_http_version 3;").find("invalid value \"3\"") != std::string::npos);
  CHECK(in_location("proxy_next_upstream error http_418;").find("invalid value \"http_418\"") != std::string::npos);
  CHECK(in_location("proxy_redirect on;").find("invalid parameter \"on\"") != std::string::npos);
}

TEST_CASE("what stands in the place of servers answers in theirs, and sees the request as a backend would") {
  class Embedded final : public http::Handler {
   public:
    Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override {
      http::ResponseHead head;
      head.headers.add("X-Target", exchange.request().target.path);
      head.headers.add("X-Host", exchange.request().headers.joined("Host").value_or(""));
      head.headers.add("X-Client", std::string(exchange.client_scheme()) + "://" + exchange.client_host());
      head.headers.add("Server", "hidden");
      co_await exchange.respond(std::move(head), "from inside");
      co_return std::nullopt;
    }
  };
  static const auto embed = [](rules::Loader& loader, const config::Directive&) -> Result<void> {
    loader.level().own<rules::EmbeddedUpstream>().handler = std::make_shared<Embedded>();
    return {};
  };
  static const std::array specs = {
      rules::DirectiveSpec{"registry", rules::Upstream, 1, 1, rules::DirectiveSpec::Body::None,
                           [](rules::Loader& loader, const config::Directive& d) { return embed(loader, d); }}};
  const auto add_registry = [](rules::Language& language) { language.add_directives(specs); };
  World world("upstream u { registry /data; } " + World::location("/v2/", "proxy_pass http://u/v2/inner/;"),
              add_registry);
  Client client;
  Request request;
  request.target = "/v2/app";
  run([&]() -> Task<void> { co_await world.ask(request, client); });
  CHECK(client.text == "from inside");
  CHECK(client.header("X-Target") == "/v2/inner/app");
  CHECK(client.header("X-Host") == "u");
  CHECK(client.header("X-Client") == "https://registry.example:5043");
  CHECK(client.header("Server") != "hidden");
  World both("upstream u { registry /data; server 127.0.0.1:1; }", add_registry);
  CHECK(both.errors.find("has both servers and an embedded registry") != std::string::npos);
}

TEST_CASE("resolver and resolver_timeout are checked") {
  CHECK(in_location("resolver 127.0.0.11 [::1]:5353 valid=30s ipv6=off; resolver_timeout 5s;").empty());
  CHECK(in_location("resolver valid=30s;").find("no name servers defined") != std::string::npos);
  CHECK(in_location("resolver 127.0.0.1 valid=soon;").find("invalid parameter: valid=soon") != std::string::npos);
  CHECK(in_location("resolver 127.0.0.1 ipv6=maybe;").find("invalid parameter: ipv6=maybe") != std::string::npos);
  CHECK(in_location("resolver 127.0.0.1; resolver 127.0.0.2;").find("is duplicate") != std::string::npos);
  CHECK(in_location("resolver 127.0.0.1:99999;").find("invalid port in resolver") != std::string::npos);
}

TEST_CASE("orders, cookies, methods and addresses are checked") {
  CHECK(in_location(
            "proxy_ignore_headers x-accel-redirect Vary; proxy_cookie_flags off; proxy_bind off; proxy_store off;")
            .empty());
  CHECK(in_location("proxy_ignore_headers Server;").find("invalid value \"Server\"") != std::string::npos);
  CHECK(in_location("proxy_cookie_flags a sticky;").find("invalid parameter \"sticky\"") != std::string::npos);
  CHECK(in_location("proxy_bind nowhere;").find("invalid address \"nowhere\"") != std::string::npos);
  CHECK(in_location("proxy_bind 127.0.0.1 opaque;").find("invalid parameter \"opaque\"") != std::string::npos);
  CHECK(in_location("proxy_store on;").find("never written to files") != std::string::npos);
}

TEST_CASE("a client certificate needs its key") {
  CHECK(errors_of("upstream u { server a:1; } " +
                  World::location("/", "proxy_ssl_certificate $arg_a.crt; proxy_pass https://u;"))
            .find("no \"proxy_ssl_certificate_key\" is defined for certificate \"$arg_a.crt\"") != std::string::npos);
  CHECK(in_location("proxy_ssl_certificate absent.crt; proxy_pass https://a;").find("/etc/absent.crt") !=
        std::string::npos);
  CHECK(in_location("proxy_ssl_conf_command Nonsense 1; proxy_pass https://a;")
            .find("SSL_CONF_cmd(\"Nonsense\", \"1\")") != std::string::npos);
}

TEST_CASE("the cache's directives are checked, and one line tells that nothing is cached") {
  const std::string zone =
      "proxy_cache_path /var/cache levels=1:2 keys_zone=c:10m inactive=1d max_size=1g use_temp_path=off; ";
  const std::string pass = "proxy_pass http://a; ";
  World world(zone + World::location("/",
                                     "proxy_cache c; proxy_cache_key $uri; proxy_cache_valid 200 206 60d; "
                                     "proxy_cache_valid any 1m; proxy_cache_methods GET HEAD; proxy_cache_lock on; "
                                     "proxy_cache_bypass $http_x $arg_y; proxy_cache_use_stale error updating; " +
                                         pass));
  CHECK(world.errors.empty());
  CHECK(world.warnings.find("NOTHING IS CACHED") == world.warnings.rfind("NOTHING IS CACHED"));
  CHECK(world.warnings.find("NOTHING IS CACHED") != std::string::npos);
  CHECK(World(zone + World::location("/", "proxy_cache off; " + pass)).warnings.find("NOTHING") == std::string::npos);
  const auto refused = [&](const std::string& http) { return errors_of(http); };
  CHECK(refused(World::location("/", "proxy_cache d; " + pass)).find("\"proxy_cache\" zone \"d\" is unknown") !=
        std::string::npos);
  CHECK(refused("proxy_cache_path /x levels=3 keys_zone=c:1m;").find("invalid \"levels\"") != std::string::npos);
  CHECK(refused("proxy_cache_path /x levels=1;").find("must have \"keys_zone\" parameter") != std::string::npos);
  CHECK(refused("proxy_cache_path /x keys_zone=c:1k;").find("keys zone \"c\" is too small") != std::string::npos);
  CHECK(refused("proxy_cache_path /x keys_zone=c:1m color=red;").find("invalid parameter \"color=red\"") !=
        std::string::npos);
  CHECK(in_location("proxy_cache_valid 99 1m;").find("invalid status \"99\"") != std::string::npos);
  CHECK(in_location("proxy_cache_valid 200 soon;").find("invalid time value \"soon\"") != std::string::npos);
}

TEST_CASE("a mirror that follows redirects and needs its cache is refused, with its place") {
  const std::string errors = errors_of(
      "proxy_cache_path /var/cache keys_zone=c:10m; server { location / { proxy_cache c; "
      "proxy_intercept_errors on; error_page 301 302 307 = @chase; proxy_pass http://a; } "
      "location @chase { proxy_pass http://b; } }");
  CHECK(errors.find("\"proxy_cache\" is not supported where \"error_page\" follows redirects") != std::string::npos);
  CHECK(errors.find("/etc/test.conf:3") != std::string::npos);
}
