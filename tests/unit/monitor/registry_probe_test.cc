#include "monitor/registry_probe.h"

#include <doctest/doctest.h>

using caisson::monitor::judge_location;

namespace {

bool says(const std::string& location, const std::string& client, const std::string& part, bool good) {
  const auto line = judge_location(location, client);
  CAPTURE(line.text);
  CHECK(line.good == good);
  return line.text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an upload's Location that leads clients elsewhere is told, with what to write") {
  const std::string client = "https://registry.company.org:5043";
  CHECK(says("/v2/a/blobs/uploads/1?_state=x", client, "Location is /v2/a/blobs/uploads/1:", true));
  CHECK(says("https://registry.company.org:5043/v2/a", client, "where clients are", true));
  CHECK(says("http://registry.company.org:5043/v2/a", client, "X-Forwarded-Proto", false));
  CHECK(says("http://registry:5000/v2/a", client, "Host $http_host", false));
  CHECK(says("https://registry.company.org/v2/a", client, "Host $http_host", false));
  CHECK(says("https://registry.company.org:443/v2/a", "https://registry.company.org", "where clients are", true));
}
