// The expected values were given by nginx 1.22 (`return 200 "$uri|$args|$request_uri|$host\n"`).
#include "http/target.h"

#include <doctest/doctest.h>

#include <random>

namespace {

using namespace caisson;
using http::parse_target;

constexpr std::string_view refused = "";  // no path is empty

struct Row {
  std::string_view target;
  std::string_view path;
  std::string_view args;
  std::string_view raw;
  std::string_view path_unmerged;  // with merge_slashes off
};

constexpr Row rows[] = {
    {"/", "/", "", "/", "/"},
    {"/v2/", "/v2/", "", "/v2/", "/v2/"},
    {"//v2/", "/v2/", "", "//v2/", "//v2/"},
    {"/./v2/", "/v2/", "", "/./v2/", "/v2/"},
    {"/x/../v2/", "/v2/", "", "/x/../v2/", "/v2/"},
    {"/%76%32/", "/v2/", "", "/%76%32/", "/v2/"},
    {"/v2%2f", "/v2/", "", "/v2%2f", "/v2/"},
    {"/v2/..%2fv2/", "/v2/", "", "/v2/..%2fv2/", "/v2/"},
    {"/v2/#x", "/v2/", "", "/v2/#x", "/v2/"},
    {"http://h.Ex:80/v2/", "/v2/", "", "/v2/", "/v2/"},
    {"http://h?x=1", "/", "x=1", "?x=1", "/"},
    {"http://h", "/", "", "/", "/"},
    {"http://h?a=b%zz#f", "/", "a=b%zz", "?a=b%zz#f", "/"},
    {"http://h/?", "/", "", "/?", "/"},
    {"ftp://h/x", "/x", "", "/x", "/x"},
    {"h2://h/x", "/x", "", "/x", "/x"},
    {"2h://h/x", refused, "", "", refused},
    {"/V2/", "/V2/", "", "/V2/", "/V2/"},
    {"/v2", "/v2", "", "/v2", "/v2"},
    {"/v2;/", "/v2;/", "", "/v2;/", "/v2;/"},
    {"/v2\\_catalog", "/v2\\_catalog", "", "/v2\\_catalog", "/v2\\_catalog"},
    {"/%00", refused, "", "", refused},
    {"/%", refused, "", "", refused},
    {"*", refused, "", "", refused},
    {"/a\x01", refused, "", "", refused},
    {"/a\x7f", refused, "", "", refused},
    {"/a\x80"
     "b",
     "/a\x80"
     "b",
     "",
     "/a\x80"
     "b",
     "/a\x80"
     "b"},
    {"/%zz", refused, "", "", refused},
    {"/%4", refused, "", "", refused},
    {"/a?b#c", "/a", "b", "/a?b#c", "/a"},
    {"/a#b?c", "/a", "", "/a#b?c", "/a"},
    {"/a?%00", "/a", "%00", "/a?%00", "/a"},
    {"/a?", "/a", "", "/a?", "/a"},
    {"/?", "/", "", "/?", "/"},
    {"/a??b", "/a", "?b", "/a??b", "/a"},
    {"/..", refused, "", "", refused},
    {"/../", refused, "", "", refused},
    {"/a/..", "/", "", "/a/..", "/"},
    {"/a/../..", refused, "", "", refused},
    {"/a/.", "/a/", "", "/a/.", "/a/"},
    {"/a/./", "/a/", "", "/a/./", "/a/"},
    {"/a/.b", "/a/.b", "", "/a/.b", "/a/.b"},
    {"/a/..b", "/a/..b", "", "/a/..b", "/a/..b"},
    {"/a/...", "/a/...", "", "/a/...", "/a/..."},
    {"/a/.../b", "/a/.../b", "", "/a/.../b", "/a/.../b"},
    {"/a/%2e%2e/b", "/b", "", "/a/%2e%2e/b", "/b"},
    {"/a/.%2e/b", "/b", "", "/a/.%2e/b", "/b"},
    {"/a/%2e", "/a/", "", "/a/%2e", "/a/"},
    {"/a%2fb", "/a/b", "", "/a%2fb", "/a/b"},
    {"/a%2f%2fb", "/a/b", "", "/a%2f%2fb", "/a//b"},
    {"/a/%2f/b", "/a/b", "", "/a/%2f/b", "/a///b"},
    {"/a/b/../../c", "/c", "", "/a/b/../../c", "/c"},
    {"/a//../b", "/b", "", "/a//../b", "/a/b"},
    {"/a///../b", "/b", "", "/a///../b", "/a//b"},
    {"/a/./../b", "/b", "", "/a/./../b", "/b"},
    {"/.?x", "/", "x", "/.?x", "/"},
    {"/..?x", refused, "", "", refused},
    {"/a/..?x", "/", "x", "/a/..?x", "/"},
    {"/a/..#x", "/", "", "/a/..#x", "/"},
    {"/a/.#x", "/a/", "", "/a/.#x", "/a/"},
    {"/%25", "/%", "", "/%25", "/%"},
    {"/%2525", "/%25", "", "/%2525", "/%25"},
    {"/%3f", "/?", "", "/%3f", "/?"},
    {"/%3Fx?y", "/?x", "y", "/%3Fx?y", "/?x"},
    {"/%23", "/#", "", "/%23", "/#"},
    {"/%0a", "/\x0a", "", "/%0a", "/\x0a"},
    {"/%20a", "/ a", "", "/%20a", "/ a"},
    {"/a+b", "/a+b", "", "/a+b", "/a+b"},
    {"/a%2bb", "/a+b", "", "/a%2bb", "/a+b"},
    {"/.%3f", "/.?", "", "/.%3f", "/.?"},
    {"/..%3f/b", "/..?/b", "", "/..%3f/b", "/..?/b"},
    {"/a/..%23/b", "/a/..#/b", "", "/a/..%23/b", "/a/..#/b"},
    {"/a/.%25/b", "/a/.%/b", "", "/a/.%25/b", "/a/.%/b"},
    {"/%3f/../x", "/x", "", "/%3f/../x", "/x"},
    {"http://h//a", "/a", "", "//a", "//a"},
    {"http://h:/a", "/a", "", "/a", "/a"},
    {"http://h:80?x", "/", "x", "?x", "/"},
    {"http://h:8x/a", refused, "", "", refused},
    {"http://[::1]/a", "/a", "", "/a", "/a"},
    {"http://[::1]:80/a", "/a", "", "/a", "/a"},
    {"http://[::1]x/a", refused, "", "", refused},
    {"http://[::/a", refused, "", "", refused},
    {"http://a_b/a", refused, "", "", refused},
    {"http://a%41/x", refused, "", "", refused},
    {"http://u@h/x", refused, "", "", refused},
    {"http:/h/x", refused, "", "", refused},
    {"http:h/x", refused, "", "", refused},
    {"HTTP://H./x", "/x", "", "/x", "/x"},
    {"http://h/../x", refused, "", "", refused},
    {"http://h?/../x", "/", "/../x", "?/../x", "/"},
    {"http://h#x", refused, "", "", refused},
    {"http://h/#x", "/", "", "/#x", "/"},
    {"?x", refused, "", "", refused},
    {"a/b", refused, "", "", refused},
    {"/a/b/..%00", refused, "", "", refused},
    {"/a/%2e%2e%2fb/%2E.", "/", "", "/a/%2e%2e%2fb/%2E.", "/"},
    {"/%2e%2e", refused, "", "", refused},
    {"/a%2f..%2f..", refused, "", "", refused},
    {"/a/b/%2e%2e?q=/../x", "/a/", "q=/../x", "/a/b/%2e%2e?q=/../x", "/a/"},
    {"/a/..;/b", "/a/..;/b", "", "/a/..;/b", "/a/..;/b"},
    {"/%c3%a9", "/\xc3\xa9", "", "/%c3%a9", "/\xc3\xa9"},
    {"/a/%5c../b", "/a/\\../b", "", "/a/%5c../b", "/a/\\../b"},
    {"http://h?", "/", "", "?", "/"},
    {"/a%3f%23%25b?c%23d", "/a?#%b", "c%23d", "/a%3f%23%25b?c%23d", "/a?#%b"},
    {"/a/%2f../b", "/b", "", "/a/%2f../b", "/a/b"},
    {"/a//b//", "/a/b/", "", "/a//b//", "/a//b//"},
    {"/a//..", "/", "", "/a//..", "/a/"},
    {"/a/b//../..//c", "/c", "", "/a/b//../..//c", "/a//c"},
    {"//..", refused, "", "//..", "/"},
    {"///..//", refused, "", "///..//", "///"},
    {"//../x", refused, "", "//../x", "/x"},
};

TEST_CASE("a target is read as nginx reads it") {
  for (const Row& row : rows) {
    CAPTURE(row.target);
    for (const bool merge : {true, false}) {
      CAPTURE(merge);
      const std::string_view path = merge ? row.path : row.path_unmerged;
      const Result<http::RequestTarget> target = parse_target(row.target, merge);
      REQUIRE(target.ok() == (path != refused));
      if (!target.ok()) {
        CHECK(target.error().code == ErrorCode::BadRequest);
        continue;
      }
      CHECK(target.value().path == path);
      CHECK(target.value().args == row.args);
      CHECK(target.value().raw == row.raw);
    }
  }
}

TEST_CASE("the absolute form gives the host, with its port") {
  CHECK(parse_target("http://h.Ex:80/v2/").value().host == "h.Ex:80");
  CHECK(parse_target("https://[::1]:5043/v2/").value().host == "[::1]:5043");
  CHECK(parse_target("http:///v2/").value().host.empty());
  CHECK(parse_target("/v2/").value().host.empty());
}

TEST_CASE("empty arguments differ from none") {
  CHECK(parse_target("/?").value().has_args);
  CHECK_FALSE(parse_target("/").value().has_args);
  CHECK_FALSE(parse_target("/#?").value().has_args);
}

TEST_CASE("no byte but a visible one or one above ASCII stands in a target") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    const bool good = byte > 0x20 && byte != 0x7f && byte != '%';
    for (const std::string_view place : {"/a", "/a?b", "/a#b"}) {
      const std::string target = std::string(place) + static_cast<char>(byte) + "x";
      CHECK(parse_target(target).ok() == (good || (byte == '%' && place != "/a")));
    }
  }
}

// Random paths out of the pieces that matter for the normal form.
std::string random_path(std::mt19937& random) {
  constexpr std::string_view pieces[] = {"/",   "/",   ".",   "..",   "a",  "%2e", "%2F",
                                         "%3f", "%23", "%25", "b%41", "//", "\x80"};
  std::string path = "/";
  for (unsigned n = random() % 12; n > 0; --n) path += pieces[random() % std::size(pieces)];
  return path;
}

TEST_CASE("the normal form, escaped, is its own normal form") {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::string path = random_path(random);
    CAPTURE(path);
    for (const bool merge : {true, false}) {
      const auto first = parse_target(path, merge);
      if (!first.ok()) continue;
      const auto second = parse_target(http::escaped_path(first.value().path), merge);
      REQUIRE(second.ok());
      CHECK(second.value().path == first.value().path);
    }
  }
}

TEST_CASE("a path is escaped as ngx_escape_uri does") {
  CHECK(http::escaped_path("/v2/a b/\"#%<>?\\^`{|}~") == "/v2/a%20b/%22%23%25%3C%3E%3F%5C%5E%60%7B%7C%7D~");
  CHECK(http::escaped_path("/!$&'()*+,-./:;=@[]_") == "/!$&'()*+,-./:;=@[]_");
  CHECK(http::escaped_path("/\x01\x7f\xc3\xa9") == "/%01%7F%C3%A9");
}

}  // namespace
