#include "auth/basic_credentials.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson;
using auth::BasicCredentials;

namespace {

std::string read(std::string value) {
  const http::Headers headers{{"Authorization", std::move(value)}};
  const auto found = BasicCredentials::of(headers);
  return found ? found->user + "|" + std::string(found->password.view()) : "none";
}

}  // namespace

// As Debian's nginx 1.22 answered, but for what follows "=": it ignores that.
TEST_CASE("credentials are read as nginx reads them") {
  CHECK(read("Basic bGFzdDp6") == "last|z");
  CHECK(read("bAsIc bGFzdDp6") == "last|z");
  CHECK(read("Basic    bGFzdDp6") == "last|z");
  CHECK(read("Basic bGFzdDp6=") == "last|z");
  CHECK(read("Basic dTpwOnA6eA==") == "u|p:p:x");
  CHECK(read("Basic bGFzdDp") == "last|");  // padding may be missing
  CHECK(read("Basic dTo=") == "u|");
  for (const char* bad : {"", "Basic", "Basic ", "Basic\tbGFzdDp6", "Basic bGFzdDp6 x",
                          "Basic bGFzdA==", "Basic OnA=", "Bearer bGFzdDp6", "Basicx bGFzdDp6", "Basic b!Fz"}) {
    CAPTURE(bad);
    CHECK(read(bad) == "none");
  }
}

TEST_CASE("no or several Authorization fields are no credentials") {
  CHECK_FALSE(BasicCredentials::of({}).has_value());
  const http::Headers two{{"Authorization", "Basic bGFzdDp6"}, {"authorization", "Basic dTo="}};
  CHECK_FALSE(BasicCredentials::of(two).has_value());
}
