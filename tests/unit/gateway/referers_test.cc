#include "unit/gateway/gate_harness.h"

using gate_test::Gate;

namespace {

// Whether a request of that page is on the list.
bool valid(const std::string& list, const char* referer, const std::string& server_name = "a.example") {
  Gate gate("server { server_name " + server_name + "; location / { " + list + " return 200 <$invalid_referer>; } }");
  gate_test::Request request{"GET", "/"};
  if (referer != nullptr) request.headers.add("Referer", referer);
  return gate.ask(request).body == "<>";
}

}  // namespace

TEST_CASE("valid_referers names sites exactly, by wildcards and with the beginning of a path") {
  CHECK(valid("valid_referers www.example.org;", "http://www.example.org:80/x"));
  CHECK(valid("valid_referers www.example.org;", "https://WWW.example.org"));
  CHECK_FALSE(valid("valid_referers www.example.org;", "www.example.org"));
  CHECK_FALSE(valid("valid_referers www.example.org;", "http://example.org/"));
  CHECK(valid("valid_referers *.example.org;", "http://a.b.example.org/"));
  CHECK_FALSE(valid("valid_referers *.example.org;", "http://example.org/"));
  CHECK(valid("valid_referers .example.org;", "http://example.org/"));
  CHECK(valid("valid_referers www.example.*;", "http://www.example.net/"));
  CHECK(valid("valid_referers www.example.org/in;", "http://www.example.org/inside"));
  CHECK_FALSE(valid("valid_referers www.example.org/in;", "http://www.example.org/IN"));
  CHECK(valid("valid_referers ~example\\.(org|net)/x;", "http://EXAMPLE.net/x"));
  CHECK(valid("valid_referers server_names;", "http://a.example/"));
  CHECK(valid("valid_referers server_names;", "http://foobar/", "a.example ~^foo"));
}

TEST_CASE("none stands for no Referer at all, blocked for one without a scheme; without any name all are valid") {
  CHECK(valid("valid_referers none a.b;", nullptr));
  CHECK_FALSE(valid("valid_referers a.b;", nullptr));
  CHECK_FALSE(valid("valid_referers none a.b;", "x"));
  CHECK(valid("valid_referers blocked a.b;", "masked-by-a-proxy"));
  CHECK(valid("valid_referers none blocked;", "http://anybody.example/"));
  CHECK(valid("", "http://anybody.example/"));
}

TEST_CASE("what cannot be a site is refused") {
  CHECK(Gate("server { valid_referers a..b; }").errors.find("invalid hostname or wildcard \"a..b\"") !=
        std::string::npos);
  CHECK(Gate("server { valid_referers a.b a.b/x; }").errors.find("conflicting parameter \"a.b\"") != std::string::npos);
}
