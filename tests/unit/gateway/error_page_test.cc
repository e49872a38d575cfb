// error_page as nginx 1.22 was seen to apply it.
#include <doctest/doctest.h>

#include "gate_harness.h"

using gate_test::Gate;

TEST_CASE("a return with a text has its page already, and error_page leaves it alone") {
  Gate gate(R"(server {
    error_page 404 /page;
    location /plain { return 404; }
    location /text { return 404 "a text"; }
    location /page { return 200 "the page"; }
  })");
  CHECK(gate.get("/plain") == "the page");
  CHECK(gate.get("/text") == "a text");
  CHECK(gate.status("/text") == 404);
}

TEST_CASE("an error page keeps the headers of the answer in whose place it comes") {
  Gate gate(R"(server {
    error_page 301 /page;
    location /moved { return 301 /new; }
    location /page { return 200 "$status"; }
  })");
  const auto moved = gate.ask({"GET", "/moved"});
  CHECK(moved.head.status == 301);
  CHECK(moved.header("Location") == "http://a.example/new");
  CHECK(moved.body == "301");
}

TEST_CASE("an error on the way to an error page shows its own status") {
  Gate gate(R"(server {
    error_page 404 =410 /page;
    location /gone { return 404; }
    location /page { return 500; }
  })");
  CHECK(gate.status("/gone") == 500);
}
