// The expected values were given by nginx 1.22 (`return 200 "$host"`).
#include "http/host.h"

#include <doctest/doctest.h>

namespace {

using caisson::http::host_name;

TEST_CASE("a host is lower case, without its port and without a trailing dot") {
  CHECK(host_name("A.B:80") == "a.b");
  CHECK(host_name("a.") == "a");
  CHECK(host_name("a.:80") == "a");
  CHECK(host_name(".a") == ".a");
  CHECK(host_name("a:b:c") == "a");
  CHECK(host_name("[::1]:80") == "[::1]");
  CHECK(host_name("[A].") == "[a]");
  CHECK(host_name("[a.]") == "[a.]");
  CHECK(host_name("a_b") == "a_b");
}

TEST_CASE("what cannot be a host is refused") {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {""sv, "."sv, ".."sv, "a.."sv, "a..b"sv, ":80"sv, "a b"sv, "a\tb"sv, "a/b"sv, "a\x01"sv, "a\x7f"sv, "a\0b"sv,
        "a:1/2"sv, "a:1 2"sv, "a:.."sv, "[a..b]"sv, "[::1].."sv}) {
    CAPTURE(text);
    CHECK_FALSE(host_name(text));
  }
}

}  // namespace
