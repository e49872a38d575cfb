#include "registry/api/forwarded.h"

#include <doctest/doctest.h>

using namespace caisson;
using registry::Origin;

namespace {

std::string origin(const std::vector<std::pair<std::string, std::string>>& headers) {
  http::Headers all;
  for (const auto& [name, value] : headers) all.add(name, value);
  const Origin found = registry::forwarded_origin(all, {"http", "own:5000"});
  return found.scheme + "://" + found.host;
}

}  // namespace

TEST_CASE("what no proxy says stays as the client's own request has it") { CHECK(origin({}) == "http://own:5000"); }

TEST_CASE("X-Forwarded-Proto and -Host say scheme and host; of a list the first counts") {
  CHECK(origin({{"X-Forwarded-Proto", "https"}}) == "https://own:5000");
  CHECK(origin({{"X-Forwarded-Proto", "HTTPS, http"}}) == "https://own:5000");
  CHECK(origin({{"X-Forwarded-Host", "a:1 , b"}}) == "http://a:1");
}

TEST_CASE("Forwarded counts instead of them, also where it says less") {
  CHECK(origin({{"Forwarded", "for=192.0.2.1;Proto=https; host=\"a:1\""}}) == "https://a:1");
  CHECK(origin({{"Forwarded", "proto=https, proto=http"}}) == "https://own:5000");
  CHECK(origin({{"Forwarded", "for=_x"}, {"X-Forwarded-Proto", "https"}}) == "http://own:5000");
}

TEST_CASE("what is no scheme and no host never gets into a Location") {
  CHECK(origin({{"X-Forwarded-Proto", "javascript"}, {"X-Forwarded-Host", "a/../b"}}) == "http://own:5000");
  CHECK(origin({{"Forwarded", "proto=ftp;host=a b;;=;x"}}) == "http://own:5000");
}
