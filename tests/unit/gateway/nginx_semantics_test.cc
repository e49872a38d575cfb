// Where the gate once answered otherwise than nginx 1.22 does; each expectation is what nginx was seen to answer, but
// where a test says that it is not.
#include <doctest/doctest.h>

#include "gate_harness.h"

using gate_test::Gate;

TEST_CASE("captures are escaped again where a query or a redirect is made of them") {
  Gate gate(R"(server {
    location /args { rewrite ^/args/(.*)$ /show?x=$1&y=1 last; }
    location /redirect { rewrite ^/redirect/(.*)$ /there/$1 permanent; }
    location /query { rewrite ^/query/(.*)$ /z?q=$1 redirect; }
    location /show { return 200 "$uri|$args"; }
  })");
  CHECK(gate.get("/args/a%20b%26c%2B%3bd") == "/show|x=a%20b%26c%2B%3Bd&y=1");
  CHECK(gate.get("/args/a&b") == "/show|x=a&b&y=1");  // the client escaped nothing
  CHECK(gate.ask({"GET", "/redirect/a%20b%25"}).header("Location") == "http://a.example/there/a%20b%25");
  CHECK(gate.ask({"GET", "/query/a%20b%3f?c"}).header("Location") == "http://a.example/z?q=a%20b%3F&c");
}

TEST_CASE("a question mark that a capture or a variable brings does not divide the path from the arguments") {
  Gate gate(R"(server {
    location /capture { rewrite ^/capture/(.*)$ /show/$1? last; }
    location /variable { rewrite ^ $http_y last; }
    location /show { return 200 "$uri|$args"; }
  })");
  CHECK(gate.get("/capture/a%3fb") == "/show/a?b|");
  CHECK(gate.ask({"GET", "/variable?z=1", {{"Y", "/show/q?r=s"}}}).body == "/show/q?r=s|z=1");
  CHECK(gate.status("/variable") == 500);  // a rewritten path without any byte
}

TEST_CASE("a map with a regex leaves the captures of whoever asks for it") {
  // nginx 1.22 lets the map's match take the place of $1 in the middle of the text (CVE-2026-42533).
  Gate gate(R"(
    map $http_x $mapped { default no; ~^(.)(.*)$ "[$2]"; }
    server { location / { if ($uri ~ ^/(.*)$) { return 200 "$1 $mapped $1"; } } })");
  CHECK(gate.ask({"GET", "/abc", {{"X", "zyx"}}}).body == "abc [yx] abc");
}

TEST_CASE("a redirect to a path with two slashes does not lead to another host") {
  Gate gate("server { location / { return 302 //evil.example/x; } }");
  CHECK(gate.ask({"GET", "/"}).header("Location") == "http://a.example//evil.example/x");
}
