// The request as the backend sees it. The targets were taken from nginx 1.22.
#include <doctest/doctest.h>

#include "world.h"

using namespace upstream_test;

namespace {

// Asks once, and gives the head that the backend got.
std::string head_seen(const std::string& http, Backend& backend, Request request) {
  World world(http);
  std::string head;
  Client client;
  talk(backend, world.ask(request, client),
       [&](Side& side) -> Task<void> { head = co_await side->answer("HTTP/1.1 204 No Content\r\n\r\n"); });
  CHECK(client.head.status == 204);
  return head;
}

std::string target_seen(const std::string& http, Backend& backend, const std::string& target) {
  Request request;
  request.target = target;
  const std::string head = head_seen(http, backend, request);
  return head.substr(4, head.find(" HTTP/1.1\r\n") - 4);
}

bool has_line(const std::string& head, const std::string& line) {
  return head.find("\r\n" + line + "\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the target goes on as nginx makes it") {
  Backend backend;
  const std::string to = "proxy_pass http://" + backend.address();
  const std::string set = "set $u " + backend.address() + "; ";
  const std::string http =
      "server {"
      " location /raw/ { " +
      to +
      "; }"
      " location /uri/ { " +
      to +
      "/x/; }"
      " location /bare/ { " +
      to +
      "/; }"
      " location /q/ { " +
      to +
      "/x?a=b; }"
      " location /brk/ { rewrite ^/brk/(.*) /new/$1 break; " +
      to +
      "/x/; }"
      " location /brk2/ { rewrite ^/brk2/(.*) /brk2/y/$1 break; " +
      to +
      "/x/; }"
      " location /brk3/ { rewrite ^/brk3/(.*) /new/$1 break; " +
      to +
      "; }"
      " location /last/ { rewrite ^/last/(.*) /uri/$1 last; }"
      " location /var/ { " +
      set +
      "proxy_pass http://$u; }"
      " location /varuri/ { " +
      set +
      "proxy_pass http://$u/x/$uri; }"
      " location /varreq/ { " +
      set +
      "proxy_pass http://$u$request_uri; }"
      " location /args/ { set $args n=1; " +
      to +
      "; }"
      " location /named/ { return 588; error_page 588 = @n; }"
      " location @n { " +
      to +
      "; }"
      "}";
  struct Case {
    std::string asked;
    std::string seen;
  };
  const std::vector<Case> cases = {
      {"/raw/a", "/raw/a"},
      {"/raw/a%2Fb?x=1", "/raw/a%2Fb?x=1"},
      {"/raw//a/./b/../c", "/raw//a/./b/../c"},
      {"/raw/a?", "/raw/a?"},
      {"/uri/a", "/x/a"},
      {"/uri/a%2Fb?x=1", "/x/a/b?x=1"},
      {"/uri/a%20b%25", "/x/a%20b%25"},
      {"/uri/a?", "/x/a"},
      {"/uri/%E4%F6?%E4", "/x/%E4%F6?%E4"},
      {"/bare/v2/%41?z", "/v2/A?z"},
      {"/bare/", "/"},
      {"/q/more?c=d", "/x?a=bmore?c=d"},
      {"/brk/a%20b?x=1", "/new/a%20b?x=1"},
      {"/brk2/a", "/brk2/y/a"},
      {"/brk3/a%20b?x=1", "/new/a%20b?x=1"},
      {"/last/a", "/x/a"},
      {"/var/a%20b?q", "/var/a%20b?q"},
      {"/varuri/a%20b?q", "/x//varuri/a%20b"},  // nginx sends the space as it is
      {"/varreq/a%20b?q", "/varreq/a%20b?q"},
      {"/args/a?b", "/args/a?n=1"},
      {"/named/a%2Fb//c?x", "/named/a%2Fb//c?x"},
      {"http://other.example/raw/abs?x", "/raw/abs?x"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.asked);
    CHECK(target_seen(http, backend, c.asked) == c.seen);
  }
}

TEST_CASE("nothing in a URL can write header lines to the backend through a variable") {
  Backend backend;
  const std::string http =
      "server { location ~ ^/x/([^/]*)$ { set $u " + backend.address() + "; proxy_pass http://$u/$1; } }";
  const std::string seen = target_seen(http, backend, "/x/a%0d%0aX-Injected:%20yes");
  CHECK(seen == "/a%0D%0AX-Injected:%20yes");
}

TEST_CASE("headers: Host names the backend, the client's own go on, hop-by-hop ones and Expect do not") {
  Backend backend;
  Request request;
  request.headers.add("Authorization", "Basic abc");
  request.headers.add("X-Custom", "kept");
  request.headers.add("Keep-Alive", "timeout=5");
  request.headers.add("TE", "trailers");
  request.headers.add("Upgrade", "h2c");
  request.headers.add("Connection", "X-Hop, keep-alive");
  request.headers.add("X-Hop", "dropped");
  request.headers.add("Proxy", "http://evil.example");
  request.headers.add("Expect", "100-continue");
  const std::string head =
      head_seen(World::location("/v2/", "proxy_pass http://" + backend.address() + ";"), backend, request);
  CHECK(has_line(head, "Host: " + backend.address()));
  CHECK(has_line(head, "Authorization: Basic abc"));
  CHECK(has_line(head, "X-Custom: kept"));
  for (const char* gone :
       {"Keep-Alive", "TE:", "Upgrade", "Connection", "X-Hop", "Proxy:", "Expect", "registry.example"}) {
    CAPTURE(gone);
    CHECK(head.find(gone) == std::string::npos);
  }
}

TEST_CASE("what proxy_set_header sets cannot be forged in any spelling, and an empty value removes") {
  Backend backend;
  Request request;
  for (const char* spelling : {"X-Forwarded-Proto", "x-forwarded-proto", "X_Forwarded_Proto", "X-Forwarded_Proto"}) {
    request.headers.add(spelling, "forged");
  }
  request.headers.add("Authorization", "Basic abc");
  request.headers.add("X-Forwarded-For", "203.0.113.9");
  const std::string head = head_seen(World::location("/v2/",
                                                     "proxy_set_header Host $http_host;"
                                                     "proxy_set_header X-Forwarded-Proto $scheme;"
                                                     "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
                                                     "proxy_set_header Authorization '';"
                                                     "proxy_pass http://" +
                                                         backend.address() + ";"),
                                     backend, request);
  CHECK(has_line(head, "Host: registry.example:5043"));
  CHECK(has_line(head, "X-Forwarded-Proto: https"));
  CHECK(has_line(head, "X-Forwarded-For: 203.0.113.9, 192.0.2.1"));
  CHECK(head.find("forged") == std::string::npos);
  CHECK(head.find("Authorization") == std::string::npos);
}

TEST_CASE("one proxy_set_header hides all outer ones, as in nginx") {
  Backend backend;
  const std::string head =
      head_seen("proxy_set_header X-Outer 1; proxy_set_header Host outer;" +
                    World::location("/v2/", "proxy_set_header X-Inner 2; proxy_pass http://" + backend.address() + ";"),
                backend, {});
  CHECK(has_line(head, "X-Inner: 2"));
  CHECK(head.find("X-Outer") == std::string::npos);
  CHECK(has_line(head, "Host: " + backend.address()));
}

TEST_CASE("proxy_pass_request_headers off and proxy_pass_request_body off leave both away") {
  Backend backend;
  World world(World::location(
      "/v2/",
      "proxy_pass_request_headers off; proxy_pass_request_body off; proxy_pass http://" + backend.address() + ";"));
  FedBody body(http::BodySize::declared(100));
  Client client;
  Request request;
  request.headers.add("X-Custom", "1");
  talk(backend, world.ask(request, body, client), [&](Side& side) -> Task<void> {
    const std::string head = co_await side->head();
    CHECK(head == "GET /v2/ HTTP/1.1\r\nHost: " + backend.address() + "\r\n\r\n");
    co_await side->say("HTTP/1.1 204 No Content\r\n\r\n");
  });
  CHECK(client.head.status == 204);
  CHECK_FALSE(body.asked());
}

TEST_CASE("a host out of variables is an upstream first, then an address, and else needs a resolver") {
  Backend backend;
  const std::string rules =
      "upstream group { server " + backend.address() + "; } " + World::location("/v2/", "proxy_pass http://$arg_to;");
  World world(rules);
  auto ask = [&]() -> Task<void> {
    for (const std::string& to : {std::string("GROUP"), backend.address(), std::string("elsewhere.invalid")}) {
      Request request;
      request.target = "/v2/?to=" + to;
      Client client;
      co_await world.ask(request, client);
      CHECK(client.head.status == (to == "elsewhere.invalid" ? 502 : 200));
    }
  };
  talk(backend, ask(), [&](Side& side) -> Task<void> {
    CHECK((co_await side->head()).find("\r\nHost: GROUP\r\n") != std::string::npos);
    co_await side->say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    auto second = co_await backend.accept();
    CHECK((co_await second->head()).find("\r\nHost: " + backend.address() + "\r\n") != std::string::npos);
    co_await second->say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  CHECK(world.log().find("no resolver defined to resolve elsewhere.invalid") != std::string::npos);
}

TEST_CASE("proxy_method and proxy_set_body take the place of the client's") {
  Backend backend;
  const std::string head =
      head_seen(World::location("/v2/", "proxy_method PUT; proxy_set_body \"of $uri\"; proxy_pass http://" +
                                            backend.address() + ";"),
                backend, {});
  CHECK(head.starts_with("PUT /v2/ HTTP/1.1\r\n"));
  CHECK(has_line(head, "Content-Length: 7"));
}

TEST_CASE("proxy_bind says where connections come from") {
  Backend backend;
  World world(World::location("/v2/", "proxy_bind 127.0.0.9; proxy_pass http://" + backend.address() + ";"));
  run([&]() -> Task<void> {
    Client client;
    auto serve = [&]() -> Task<void> {
      auto side = co_await backend.accept();
      CHECK(net::peer_address(side->transport().fd()).ip() == "127.0.0.9");
      co_await side->answer("HTTP/1.1 204 No Content\r\n\r\n");
    };
    co_await async::both(world.ask(Request(), client), serve());
  });
}
