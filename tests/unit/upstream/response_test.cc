// The response as the client sees it, and what variables know of it. Expectations were taken from nginx 1.22.
#include <doctest/doctest.h>

#include "upstream/location_repair.h"
#include "world.h"

using namespace upstream_test;

namespace {

// Asks once; the backend answers `wire`.
void ask(World& world, Backend& backend, Client& client, Request request, const std::string& wire) {
  talk(backend, world.ask(request, client), [&](Side& side) -> Task<void> { co_await side->answer(wire); });
}

std::string answer(const std::string& status, const std::string& headers) {
  return "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: 0\r\n\r\n";
}

std::string location_shown(const std::string& directives, const std::string& target, const std::string& location,
                           bool tls = true) {
  Backend backend;
  const auto put_address = [&backend](std::string in) {
    for (std::size_t at = in.find("BACKEND"); at != std::string::npos; at = in.find("BACKEND")) {
      in.replace(at, 7, backend.address());
    }
    return in;
  };
  World world("server { " + put_address(directives) + " }");
  Client client;
  Request request;
  request.target = target;
  request.tls = tls;
  ask(world, backend, client, request, answer("202 Accepted", "Location: " + put_address(location) + "\r\n"));
  std::string shown = client.header("Location");
  if (const std::size_t at = shown.find(backend.address()); at != std::string::npos) {
    shown.replace(at, backend.address().size(), "BACKEND");
  }
  return shown;
}

}  // namespace

TEST_CASE("what nginx hides is hidden, unless proxy_pass_header shows it") {
  const std::string headers =
      "Server: be\r\nDate: then\r\nX-Pad: x\r\nX-Accel-Buffering: no\r\nX-Secret: 1\r\nX-Other: 2\r\n"
      "Keep-Alive: timeout=4\r\nUpgrade: h2c\r\nDocker-Distribution-Api-Version: registry/2.0\r\n";
  Backend backend;
  const std::string to = "proxy_pass http://" + backend.address() + ";";
  SUBCASE("usually") {
    World world(World::location("/v2/", "proxy_hide_header X-Secret; " + to));
    Client client;
    ask(world, backend, client, {}, answer("200 OK", headers));
    CHECK(client.header("Server").find("be") == std::string::npos);
    CHECK(client.header("Date").find("then") == std::string::npos);
    for (const char* gone : {"X-Pad", "X-Accel-Buffering", "X-Secret", "Keep-Alive", "Upgrade"}) {
      CAPTURE(gone);
      CHECK(client.header(gone) == "(none)");
    }
    CHECK(client.header("X-Other") == "2");
    CHECK(client.header("Docker-Distribution-Api-Version") == "registry/2.0");
  }
  SUBCASE("shown") {
    World world(World::location("/v2/", "proxy_pass_header Server; " + to));
    Client client;
    ask(world, backend, client, {}, answer("200 OK", headers));
    CHECK(client.header("Server") == "be");
    CHECK(client.header("X-Secret") == "1");
  }
}

TEST_CASE("proxy_redirect") {
  const std::string plain = "location /a/ { proxy_pass http://BACKEND; }";
  CHECK(location_shown(plain, "/a/", "http://BACKEND/v2/x") == "https://registry.example:5043/v2/x");
  CHECK(location_shown(plain, "/a/", "/v2/rel") == "/v2/rel");
  CHECK(location_shown(plain, "/a/", "http://elsewhere/v2/x") == "http://elsewhere/v2/x");

  const std::string with_uri = "location /b/ { proxy_pass http://BACKEND/x/; }";
  CHECK(location_shown(with_uri, "/b/", "http://BACKEND/x/q") == "https://registry.example:5043/b/q");
  CHECK(location_shown(with_uri, "/b/", "http://BACKEND/other") == "http://BACKEND/other");

  const std::string off = "location /a/ { proxy_redirect off; proxy_pass http://BACKEND; }";
  CHECK(location_shown(off, "/a/", "http://BACKEND/v2/x") == "http://BACKEND/v2/x");

  const std::string pair =
      "location /p/ { proxy_redirect http://old.example/path/ http://$host/new/; proxy_redirect default; "
      "proxy_pass http://BACKEND; }";
  CHECK(location_shown(pair, "/p/", "http://old.example/path/more") == "http://registry.example/new/more");
  CHECK(location_shown(pair, "/p/", "http://BACKEND/y") == "https://registry.example:5043/y");

  const std::string regex =
      "location ~ ^/(r)/ { proxy_redirect ~^http://([^/]+)/(.*)$ https://$1.example/$2; proxy_pass http://BACKEND; "
      "add_header X-Capture $1; }";
  CHECK(location_shown(regex, "/r/", "http://in/y?z") == "https://in.example/y?z");
}

TEST_CASE("Refresh and cookies are rewritten too") {
  Backend backend;
  World world(World::location("/v2/",
                              "proxy_cookie_path /one/ /1/; proxy_cookie_domain back.example front.example;"
                              "proxy_pass http://" +
                                  backend.address() + ";"));
  Client client;
  ask(world, backend, client, {},
      answer("200 OK", "Refresh: 5; url=http://" + backend.address() +
                           "/z\r\nSet-Cookie: a=b; Path=/one/two; Domain=.Back.example; Secure\r\n"));
  CHECK(client.header("Refresh") == "5; url=/z");
  CHECK(client.header("Set-Cookie") == "a=b; Path=/1/two; Domain=.front.example; Secure");
}

TEST_CASE("the Location of an upload answer leads where the client came from, and the log says so once") {
  Backend backend;
  World world(
      World::location("/v2/", "proxy_set_header Host $http_host; proxy_pass http://" + backend.address() + ";"));
  const std::string wire =
      answer("202 Accepted", "Location: http://registry.example:5043/v2/app/blobs/uploads/1?_state=s\r\n");
  for (int i = 0; i < 2; ++i) {
    Client client;
    Request request;
    request.method = "POST";
    request.target = "/v2/app/blobs/uploads/";
    ask(world, backend, client, request, wire);
    CHECK(client.header("Location") == "https://registry.example:5043/v2/app/blobs/uploads/1?_state=s");
  }
  const std::string log = world.log();
  CHECK(log.find("corrected to \"https://registry.example:5043\"") != std::string::npos);
  CHECK(log.find("corrected") == log.rfind("corrected"));
  CHECK(log.find("_state") == std::string::npos);
}

TEST_CASE("what of a Location is repaired, and what is left alone") {
  using upstream::ClientView;
  using upstream::repaired_upload_location;
  const ClientView client{"https", "reg.example:5043", "reg.example:5043"};
  const ClientView portless{"https", "reg.example:5043", "reg.example"};  // Host $host
  const ClientView plain{"http", "reg.example", "reg.example"};
  const std::string upload = "/v2/a/blobs/uploads/1";
  CHECK(repaired_upload_location("http://reg.example:5043" + upload, client) == "https://reg.example:5043" + upload);
  CHECK(repaired_upload_location("https://reg.example" + upload, portless) == "https://reg.example:5043" + upload);
  CHECK(repaired_upload_location("http://reg.example" + upload, portless) == "https://reg.example:5043" + upload);
  // Right as they are.
  CHECK_FALSE(repaired_upload_location("https://reg.example:5043" + upload, client));
  CHECK_FALSE(repaired_upload_location(upload, client));
  // A TLS terminator stands before a plain listener.
  CHECK_FALSE(repaired_upload_location("https://reg.example" + upload, plain));
  // The registry has a host of its own in its settings.
  CHECK_FALSE(repaired_upload_location("https://cdn.example" + upload, client));
  CHECK_FALSE(repaired_upload_location("https://reg.example:8443" + upload, client));
  // Not an upload.
  CHECK_FALSE(repaired_upload_location("http://reg.example:5043/v2/a/manifests/x", client));
}

TEST_CASE("proxy_intercept_errors gives way to error_page, and only to it") {
  Backend backend;
  World world("server { location /v2/ { proxy_intercept_errors on; error_page 401 = @page; proxy_pass http://" +
              backend.address() + "; } location @page { return 401 \"our page\"; } }");
  SUBCASE("a status with a page") {
    Client client;
    ask(world, backend, client, {},
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"x\"\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(client.head.status == 401);
    CHECK(client.text == "our page");
  }
  SUBCASE("a status without one") {
    Client client;
    ask(world, backend, client, {}, "HTTP/1.1 403 No\r\nX-Y: 1\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(client.text == "abc");
    CHECK(client.header("X-Y") == "1");
  }
}

TEST_CASE("variables know what the backend said, also what is hidden, and are evaluated when the response leaves") {
  Backend dead;
  Backend backend;
  const std::string dead_address = dead.address();
  dead.close();
  World world("upstream u { server " + dead_address + " weight=9; server " + backend.address() + "; } " +
              World::location("/v2/",
                              "add_header X-Seen \"$upstream_http_server|$proxy_host|$upstream_status|$upstream_addr|"
                              "$upstream_http_docker_distribution_api_version|$upstream_cookie_c\" always;"
                              "proxy_pass http://u;"));
  Client client;
  ask(world, backend, client, {},
      answer("404 Not Found",
             "Server: be\r\nSet-Cookie: c=1; Path=/\r\nDocker-Distribution-Api-Version: registry/2.0\r\n"));
  CHECK(client.header("X-Seen") == "be|u|502, 404|" + dead_address + ", " + backend.address() + "|registry/2.0|1");
}

TEST_CASE("$upstream_cookie_NAME is read as nginx reads Set-Cookie: any case, no spaces around the equals sign") {
  const auto value_of = [&](const std::string& cookie) {
    Backend backend;
    World world("upstream u { server " + backend.address() + "; } " +
                World::location("/v2/", "add_header X-Seen \"[$upstream_cookie_tc]\" always; proxy_pass http://u;"));
    Client client;
    ask(world, backend, client, {}, answer("200 OK", "Set-Cookie: " + cookie + "\r\n"));
    return client.header("X-Seen");
  };
  CHECK(value_of("TC=up") == "[up]");
  CHECK(value_of("tc =  a ; p") == "[a ]");
  CHECK(value_of("tc\t=x") == "[]");
  CHECK(value_of("=x; tc=y") == "[]");
  CHECK(value_of("tc=") == "[]");
}

TEST_CASE("proxy_cookie_flags sets and takes away, and leaves other cookies as they are") {
  Backend backend;
  const auto shown = [&](const std::string& cookie) {
    World world(World::location("/v2/",
                                "proxy_cookie_flags a secure httponly samesite=lax; proxy_cookie_flags ~^B nosecure "
                                "nohttponly nosamesite; proxy_pass http://" +
                                    backend.address() + ";"));
    Client client;
    ask(world, backend, client, {}, answer("200 OK", "Set-Cookie: " + cookie + "\r\n"));
    return client.header("Set-Cookie");
  };
  CHECK(shown("a=1") == "a=1; Secure; HttpOnly; SameSite=Lax");
  CHECK(shown("A=1; secure;SameSite=None;  Path=/x") == "A=1; secure; SameSite=Lax; Path=/x; HttpOnly");
  CHECK(shown("bee=1; Secure; HttpOnly; SameSite=Lax; Path=/") == "bee=1; Path=/");
  CHECK(shown("c=1;  Path=/") == "c=1;  Path=/");
  CHECK(shown("a") == "a");
}

TEST_CASE("X-Accel-Redirect has another location answer, under some headers of the response") {
  Backend backend;
  const std::string to = "proxy_pass http://" + backend.address() + ";";
  const std::string there =
      "location /there { internal; return 200 \"$uri?$args $request_method $upstream_status\"; }"
      "location @named { return 200 \"named $uri\"; } }";
  const auto asked = [&](const std::string& order, const std::string& directives = "") {
    World world("server { location /v2/ { " + directives + to + " } " + there);
    auto client = std::make_unique<Client>();
    Request request;
    request.method = "POST";
    ask(world, backend, *client, request,
        answer("403 Forbidden", "X-Accel-Redirect: " + order +
                                    "\r\nContent-Type: text/x\r\nSet-Cookie: a=1\r\n"
                                    "X-Other: 1\r\n"));
    return client;
  };
  const auto client = asked("/there/a%20b?c=d");
  CHECK(client->head.status == 200);
  CHECK(client->text == "/there/a b?c=d GET 403");
  CHECK(client->header("Content-Type") == "text/x");
  CHECK(client->header("Set-Cookie") == "a=1");
  CHECK(client->header("X-Other") == "(none)");
  CHECK(asked("@named")->text == "named /v2/");
  for (const std::string out : {"/there/..", "/there/%2e%2e/x", "../x", "/there/%00"}) {
    CAPTURE(out);
    CHECK(asked(out)->head.status == 404);
  }
  CHECK(asked("/there", "proxy_ignore_headers X-Accel-Redirect; ")->head.status == 403);
}

TEST_CASE("X-Accel-Charset is the charset of the response") {
  Backend backend;
  for (const bool obeyed : {true, false}) {
    World world(World::location("/v2/", std::string(obeyed ? "" : "proxy_ignore_headers X-Accel-Charset; ") +
                                            "proxy_pass http://" + backend.address() + ";"));
    Client client;
    ask(world, backend, client, {},
        answer("200 OK", "Content-Type: text/plain; charset=utf-8\r\nX-Accel-Charset: koi8-r\r\n"));
    CHECK(client.header("Content-Type") == (obeyed ? "text/plain; charset=koi8-r" : "text/plain; charset=utf-8"));
    CHECK(client.header("X-Accel-Charset") == "(none)");
  }
}

TEST_CASE("proxy_force_ranges cuts the part that was asked for out of a whole answer") {
  Backend backend;
  World world(World::location("/v2/", "proxy_force_ranges on; proxy_pass http://" + backend.address() + ";"));
  const auto asked = [&](const std::string& range, const std::string& condition = "") {
    auto client = std::make_unique<Client>();
    Request request;
    request.headers.add("Range", range);
    if (!condition.empty()) request.headers.add("If-Range", condition);
    ask(world, backend, *client, request,
        "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789");
    return client;
  };
  const auto part = asked("bytes=2-4");
  CHECK(part->head.status == 206);
  CHECK(part->text == "234");
  CHECK(part->header("Content-Length") == "3");
  CHECK(part->header("Content-Range") == "bytes 2-4/10");
  CHECK(asked("bytes=-1", "\"x\"")->text == "9");
  CHECK(asked("bytes=2-4", "\"y\"")->text == "0123456789");
  CHECK(asked("bytes=0-1,4-5")->text == "0123456789");
  const auto beyond = asked("bytes=10-");
  CHECK(beyond->head.status == 416);
  CHECK(beyond->header("Content-Range") == "bytes */10");
}

TEST_CASE("the attempts of one proxy_pass stand behind those of the one that sent the request on") {
  Backend backend;
  World world("server { location /v2/ { proxy_intercept_errors on; error_page 404 = @next; proxy_pass http://" +
              backend.address() + "; } location @next { proxy_pass http://" + backend.address() +
              "; add_header X-Status \"$upstream_status\"; } }");
  Client client;
  talk(backend, world.ask(Request(), client), [&](Side& side) -> Task<void> {
    co_await side->answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    auto second = co_await backend.accept();
    co_await second->answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  CHECK(client.header("X-Status") == "404 : 200");
}
