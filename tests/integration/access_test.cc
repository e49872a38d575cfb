// Who gets in, over sockets and with real backends behind.
#include <doctest/doctest.h>

#include <filesystem>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

TEST_CASE("in front of the embedded registry our own refusals are a registry's: docker shows their message") {
  TemporaryFolder data;
  std::filesystem::permissions(data.path(), std::filesystem::perms::all);
  const std::uint16_t port = free_port();
  Server server("", "upstream registry { registry " + data.path() + "; } server { listen 127.0.0.1:" +
                        std::to_string(port) +
                        "; client_max_body_size 10; location / { auth_basic Registry; auth_basic_user_file users; "
                        "proxy_pass http://registry; } location /plain/ { registry_json_errors off; deny all; "
                        "proxy_pass http://registry/; } }");
  server.folder().write("users", "alice:{PLAIN}alice-secret\n");
  server.start();

  const Answer challenged = ask(port, get_request("/v2/"));
  CHECK(challenged.status == 401);
  CHECK(challenged.header("WWW-Authenticate") == "Basic realm=\"Registry\"");
  CHECK(challenged.header("Docker-Distribution-Api-Version") == "registry/2.0");
  CHECK(challenged.header("Content-Type") == "application/json; charset=utf-8");
  CHECK(challenged.body == "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}\n");
  CHECK(ask(port, get_request("/plain/v2/")).body.find("<html>") == 0);
  const Answer large = ask(port, "PUT /v2/a/manifests/x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
  CHECK(large.status == 413);
  CHECK(large.body.find("\"SIZE_INVALID\"") != std::string::npos);
}
