// error_page over sockets, where it meets the other modules.
#include <doctest/doctest.h>

#include "integration/support.h"

using namespace integration;

TEST_CASE("an error page in the place of a 401 keeps the challenge, so that clients still ask for a password") {
  Server server;
  const std::string users = server.folder().write("users", "bob:{PLAIN}secret\n");
  const std::uint16_t port = free_port();
  server.configure("server { listen 127.0.0.1:" + std::to_string(port) +
                   "; error_page 401 /login.html;\n"
                   "location / { auth_basic here; auth_basic_user_file " +
                   users + "; return 200 in; }\n" + "location /v2/ { auth_basic here; auth_basic_user_file " + users +
                   "; proxy_pass http://127.0.0.1:1; }\n" + "location = /login.html { return 200 \"log in\"; } }");
  server.start();
  Connection connection(port);
  connection.send("GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = connection.read_to_end();
  CHECK(answer.starts_with("HTTP/1.1 401 "));
  CHECK(answer.find("WWW-Authenticate: Basic realm=\"here\"\r\n") != std::string::npos);
  CHECK(answer.ends_with("log in"));
}
