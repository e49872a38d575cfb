// The variables of registry:2: which key each stands for, and which values it takes.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "unit/registry/face/translated.h"

using namespace caisson;
using namespace caisson::face_test;

TEST_CASE("an unknown variable is ignored with a warning, unless it might have closed a door") {
  const Translated typo = by_variables({"REGISTRY_HTTP_ADR=:1", "REGISTRY_http_addr=:1", "PATH=/bin"});
  CHECK(typo.errors == "");
  CHECK(typo.warnings ==
        "environment variable REGISTRY_HTTP_ADR stands for no known key, ignored (did you mean REGISTRY_HTTP_ADDR?)\n"
        "environment variable REGISTRY_http_addr stands for no known key, ignored (did you mean "
        "REGISTRY_HTTP_ADDR?)\n");
  CHECK(by_variables({"REGISTRY_AUTH_HTPASWD_PATH=/u"}).errors ==
        "environment variable REGISTRY_AUTH_HTPASWD_PATH stands for no known key (did you mean "
        "REGISTRY_AUTH_HTPASSWD_PATH?)\n");
}

TEST_CASE("what Kubernetes and container links set for a service called registry is no key") {
  const Translated made =
      by_variables({"REGISTRY_PORT=tcp://10.0.0.1:5000", "REGISTRY_SERVICE_HOST=10.0.0.1", "REGISTRY_SERVICE_PORT=5000",
                    "REGISTRY_PORT_5000_TCP_ADDR=10.0.0.1", "REGISTRY_SERVICE_PORT_HTTP=1", "REGISTRY_NAME=/a/registry",
                    "REGISTRY_ENV_PATH=/bin", "REGISTRY_CONFIGURATION_PATH=/x"});
  CHECK(made.errors == "");
  CHECK(made.warnings == "");
}

TEST_CASE("the spellings of maintenance that make registry:2 panic do what they say") {
  for (const std::string variable :
       {"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED=true", "REGISTRY_STORAGE_MAINTENANCE_READONLY=true",
        "REGISTRY_STORAGE_MAINTENANCE_READONLY={enabled: true}"}) {
    CAPTURE(variable);
    CHECK(by_variables({variable}).has(upstream + "registry_read_only on;"));
  }
  CHECK(by_variables({"REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED=false"})
            .has(upstream + "registry_upload_purging off;"));
  const Translated partly = by_variables({"REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING={enabled: true}"});
  CHECK(partly.has(upstream + "registry_upload_purging on;"));
  CHECK_FALSE(partly.has("registry_upload_age"));  // the default
}

TEST_CASE("variables override the file; a section's variable replaces the section before those of its keys count") {
  const std::string file = with("http: {addr: ':1', host: 'https://a', headers: {X-A: [old], X-B: [b]}}");
  const Translated key = translated(file, {"REGISTRY_HTTP_ADDR=:2", "REGISTRY_HTTP_HEADERS_x-a=[new]"});
  CHECK(key.has("listen 0.0.0.0:2;"));
  CHECK(key.has("registry_public_url https://a;"));
  CHECK(key.has("add_header X-A new always;"));
  CHECK_FALSE(key.has("X-A old"));
  CHECK(key.has("add_header X-B b always;"));
  const Translated section = translated(file, {"REGISTRY_HTTP_RELATIVEURLS=true", "REGISTRY_HTTP={addr: ':3'}"});
  CHECK(section.has("listen 0.0.0.0:3;"));
  CHECK(section.has("registry_relative_urls on;"));
  CHECK_FALSE(section.has("registry_public_url"));
}

TEST_CASE("a driver in a variable replaces the one of the file, and is judged as there") {
  CHECK(translated(with(""), {"REGISTRY_STORAGE=s3"})
            .errors.find("\"storage.s3\" is not supported in REGISTRY_STORAGE") != std::string::npos);
  CHECK(translated(with(""), {"REGISTRY_STORAGE_S3_BUCKET=b"}).errors.find("\"storage.s3\" is not supported") !=
        std::string::npos);
}

TEST_CASE("items of lists may be given by their number") {
  const Translated checks = by_variables(
      {"REGISTRY_HEALTH_FILE_0_FILE=/a", "REGISTRY_HEALTH_FILE_0_INTERVAL=2s", "REGISTRY_HEALTH_FILE_1_FILE=/b"});
  CHECK(checks.errors == "");
  CHECK(checks.has("health_check /a no_file /a interval=2000ms;"));
  CHECK(checks.has("health_check /b no_file /b;"));
  const Translated authorities = by_variables({"REGISTRY_HTTP_TLS_CERTIFICATE=/c", "REGISTRY_HTTP_TLS_KEY=/k",
                                               "REGISTRY_HTTP_TLS_CLIENTCAS_0=/a", "REGISTRY_HTTP_TLS_CLIENTCAS_1=/b"});
  CHECK(authorities.has("ssl_client_certificate /a /b;"));
  CHECK(by_variables({"REGISTRY_HEALTH_FILE_1_FILE=/b"}).errors ==
        "number 1 follows no number 0 of that list in REGISTRY_HEALTH_FILE_1_FILE\n");
}

TEST_CASE("registry:2's own names of the health lists are known in variables") {
  CHECK(by_variables({"REGISTRY_HEALTH_FILECHECKERS=[{file: /down}]"}).has("no_file /down;"));
  CHECK(by_variables({"REGISTRY_HEALTH_TCPCHECKERS=[{addr: 'a:1'}]"}).has("tcp a:1;"));
  CHECK(by_variables({"REGISTRY_HEALTH_HTTPCHECKERS=[{uri: 'http://a'}]"}).has("http http://a;"));
}

TEST_CASE("a value can be in a file, whose text is taken as it is") {
  const config::Files secrets = {{"/run/secrets/realm", "a: b # c\n"}, {"/run/secrets/on", "true\n"}};
  const Translated made = translated(
      "",
      {"REGISTRY_AUTH_HTPASSWD_REALM_FILE=/run/secrets/realm", "REGISTRY_AUTH_HTPASSWD_PATH=/u",
       "REGISTRY_STORAGE_DELETE_ENABLED_FILE=/run/secrets/on", "REGISTRY_HTTP_SECRET_FILE=/run/secrets/realm"},
      secrets);
  CHECK(made.errors == "");
  CHECK(made.warnings == "");
  CHECK(made.has("auth_basic a: b # c;"));
  CHECK(made.has("registry_delete on;"));
  CHECK(translated("", {"REGISTRY_HTTP_HOST_FILE=/none"})
            .errors.find("No such file or directory) in "
                         "REGISTRY_HTTP_HOST_FILE") != std::string::npos);
  CHECK(translated("", {"REGISTRY_HTTP_HOST_FILE=/run/secrets/on", "REGISTRY_HTTP_HOST=https://a"}, secrets).errors ==
        "\"REGISTRY_HTTP_HOST\" is set, too: one of them must go in REGISTRY_HTTP_HOST_FILE\n");
}

TEST_CASE("text that is no YAML is text where only text can stand") {
  CHECK(by_variables({"REGISTRY_AUTH_HTPASSWD_REALM=[x", "REGISTRY_AUTH_HTPASSWD_PATH=/u"}).has("auth_basic [x;"));
  CHECK(by_variables({"REGISTRY_HTTP_HEADERS_X=[a"}).errors.find("this is no YAML") != std::string::npos);
}

TEST_CASE("receivers of events are given one by one in variables, too, and can be switched off") {
  const Translated made = by_variables(
      {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME=a", "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL=http://a/",
       "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_THRESHOLD=0", "REGISTRY_NOTIFICATIONS_ENDPOINTS_1_NAME=b",
       "REGISTRY_NOTIFICATIONS_ENDPOINTS_1_URL=http://b/", "REGISTRY_NOTIFICATIONS_ENDPOINTS_1_DISABLED=true",
       "REGISTRY_NOTIFICATIONS_EVENTS_INCLUDEREFERENCES=true", "REGISTRY_HTTP_ADDR=127.0.0.1:77"});
  CHECK(made.errors == "");
  CHECK(made.warnings == "");
  CHECK(made.has(upstream + "registry_notify a http://a/;"));
  CHECK_FALSE(made.has("http://b/"));
  CHECK(made.has(upstream + "registry_notify_references on;"));
  CHECK(made.has(upstream + "registry_notify_source :77;"));
}

TEST_CASE("the value of a header may be in a file") {
  const Translated made =
      translated("",
                 {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME=a", "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL=http://a/",
                  "REGISTRY_NOTIFICATIONS_ENDPOINTS_0_HEADERS_Authorization_FILE=/run/secrets/a"},
                 {{"/run/secrets/a", "Bearer x\n"}});
  CHECK(made.errors == "");
  CHECK(made.has(upstream + "registry_notify a http://a/ header=Authorization: Bearer x;"));
}
