// Whole configurations: none, one of a file, the example.
#include "registry/face/translate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "unit/registry/face/translated.h"

using namespace caisson;
using namespace caisson::face_test;

TEST_CASE("without a file the registry is the one of the registry:2 image") {
  const Translated image = translated("");
  CHECK(image.errors == "");
  CHECK(image.warnings == "");
  CHECK(image.has(server + "listen 0.0.0.0:5000;"));
  CHECK(image.has(server + "listen [::]:5000;"));
  CHECK(image.has(upstream + "registry /var/lib/registry;"));
  CHECK(image.has("error_log_format text service=registry;"));
  CHECK(image.has("error_log stderr info;"));
  CHECK(image.has("http { access_log /dev/stdout;"));
  CHECK(
      image.has("http { health_check storagedriver_filesystem folder /var/lib/registry interval=10000ms threshold=3;"));
  CHECK(image.has("http { client_max_body_size 0;"));
  CHECK_FALSE(image.has("auth_basic"));
  CHECK_FALSE(image.has("registry_delete on"));
  CHECK_FALSE(image.has("health_status"));  // no debug listener
}

TEST_CASE("users without a path are those of /auth/htpasswd if it is there, with a warning that tells the variable") {
  const std::vector<std::string> tutorial = {"REGISTRY_AUTH=htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm"};
  const Translated found = translated("", tutorial, {{"/auth/htpasswd", "testuser test123\n"}});
  CHECK(found.errors == "");
  CHECK(found.has("auth_basic_user_file /auth/htpasswd;"));
  CHECK(found.warnings ==
        "\"auth.htpasswd\" has no \"path\"; /auth/htpasswd is there and is used in REGISTRY_AUTH_HTPASSWD_REALM "
        "(registry:2 would not start; say so by REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd)\n");

  const Translated missing = translated("", tutorial);
  CHECK(missing.errors ==
        "\"auth.htpasswd\" needs a \"path\", the file of users in REGISTRY_AUTH_HTPASSWD_REALM "
        "(mount it, as /auth/htpasswd, and set REGISTRY_AUTH_HTPASSWD_PATH to it)\n");

  const Translated named = translated("", {"REGISTRY_AUTH={htpasswd: {realm: r, path: /u}}"}, {{"/auth/htpasswd", ""}});
  CHECK(named.warnings == "");
  CHECK(named.has("auth_basic_user_file /u;"));
}

TEST_CASE("YAML's anchors and merge keys are read; a key that stands twice counts once, with a warning") {
  const Translated merged =
      translated(with("health:\n  file:\n  - &usual {file: /a, interval: 3s}\n  - {<<: *usual, file: /b}\n"));
  CHECK(merged.errors == "");
  CHECK(merged.has("health_check /b no_file /b interval=3000ms;"));
  const Translated twice = translated(with("http: {addr: ':1'}\nhttp: {addr: ':2'}\n"));
  CHECK(twice.has("listen 0.0.0.0:2;"));
  CHECK(twice.warnings == "\"http\" stands twice, this one counts in /etc/config.yml:4\n");
}

TEST_CASE("a file that grows without end by aliases is refused") {
  std::string bomb = "version: 0.1\na0: &a0 [x]\n";
  for (int i = 1; i < 25; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += 'a' + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before + "]\n";
  }
  CHECK(translated(bomb).errors.find("too many values") != std::string::npos);
}

TEST_CASE("every directive names the key that asked for it") {
  const Translated made = translated(with("\nhttp:\n  addr: ':1'\n"), {"REGISTRY_STORAGE_DELETE_ENABLED=true"});
  const auto find = [&](const std::vector<config::Directive>& in, std::string_view name) {
    const auto found = std::find_if(in.begin(), in.end(), [&](const auto& d) { return d.name == name; });
    REQUIRE(found != in.end());
    return *found;
  };
  const config::Directive http = find(made.parsed.directives, "http");
  CHECK(find(find(http.block, "server").block, "listen").at.str() == "/etc/config.yml:5");
  CHECK(find(find(http.block, "upstream").block, "registry_delete").at.str() == "REGISTRY_STORAGE_DELETE_ENABLED");
}

TEST_CASE("the example configuration is read without a word, also with all of its choices") {
  std::ifstream file(CAISSON_SOURCE "/conf/registry.yml");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  REQUIRE(text.starts_with("# registry:2"));
  const Translated made = translated(text);
  CHECK(made.errors == "");
  CHECK(made.warnings == "");
  // Every choice: the "# " before a key goes, prose stays.
  const Translated all =
      translated(std::regex_replace(text, std::regex("(^|\\n)( *)# ( *[A-Za-z0-9-]+:)(?=[ \\n])"), "$1$2$3"));
  CHECK(all.errors == "");
  CHECK(all.warnings == "");
  CHECK(all.has("auth_basic_user_file /auth/htpasswd;"));
  CHECK(all.has("registry_layer_urls_allow ^https://mirror"));
  CHECK(all.has("ssl_client_certificate /certs/clients-ca.crt;"));
  CHECK(all.has("Access-Control-Expose-Headers Docker-Content-Digest always;"));
}
