#include "app/build_options.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "app/caisson.h"

using namespace caisson;

TEST_CASE("-V names as there what the language honours, and as absent what it refuses or only accepts") {
  rules::Language language;
  app::describe_all(language);
  const std::string text = app::configure_arguments(language);
  const auto says = [&](std::string_view option) {
    return (text + ' ').find(' ' + std::string(option) + ' ') != std::string::npos;
  };
  CHECK(says("--with-http_ssl_module"));
  CHECK(says("--with-http_realip_module"));
  CHECK(says("--without-http_fastcgi_module"));
  CHECK(says("--without-http_ssi_module"));
  for (const char* there : {"autoindex", "map", "geo", "split_clients", "upstream_hash", "auth_basic", "access"}) {
    CHECK_FALSE(says("--without-http_" + std::string(there) + "_module"));
  }
}

TEST_CASE("a language that knows nothing has no modules") {
  const rules::Language nothing;
  const std::string text = app::configure_arguments(nothing);
  CHECK(text.find("--with-http") == std::string::npos);
  CHECK(text.find("--without-http_proxy_module") != std::string::npos);
}
