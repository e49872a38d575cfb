// The keys of registry:2's config.yml, and the directives that they become.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "unit/registry/face/translated.h"

using namespace caisson;
using namespace caisson::face_test;

TEST_CASE("each key becomes its directive, from the file and from its variable alike") {
  struct Row {
    std::string yaml;
    std::string variable;
    std::string line;
  };
  const std::vector<Row> rows = {
      {"storage: {filesystem: {rootdirectory: /x}}", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/x",
       upstream + "registry /x;"},
      {"storage: {filesystem: {}, delete: {enabled: true}}", "REGISTRY_STORAGE_DELETE_ENABLED=true",
       upstream + "registry_delete on;"},
      {"storage: {filesystem: {}, maintenance: {readonly: {enabled: yes}}}",
       "REGISTRY_STORAGE_MAINTENANCE_READONLY={\"enabled\":true}", upstream + "registry_read_only on;"},
      {"storage: {filesystem: {}, maintenance: {uploadpurging: {age: 1h30m}}}",
       "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE=1h30m", upstream + "registry_upload_age 5400000ms;"},
      {"storage: {filesystem: {}, maintenance: {uploadpurging: {interval: 1.5s}}}",
       "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL=1.5s", upstream + "registry_upload_purge_interval 1500ms;"},
      {"storage: {filesystem: {}, maintenance: {uploadpurging: {dryrun: true}}}",
       "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN=true", upstream + "registry_upload_purge_dry_run on;"},
      {"storage: {filesystem: {}, maintenance: {garbagecollect: {enabled: true}}}",
       "REGISTRY_STORAGE_MAINTENANCE_GARBAGECOLLECT_ENABLED=true", upstream + "registry_gc;"},
      {"storage: {filesystem: {}, maintenance: {garbagecollect: {enabled: false, interval: 1h, grace: 2h, trash: 3h, "
       "rate: 4, untagged: true, dryrun: true}}}",
       "REGISTRY_STORAGE_MAINTENANCE_GARBAGECOLLECT={enabled: false, interval: 1h, grace: 2h, trash: 3h, rate: 4, "
       "untagged: true, dryrun: true}",
       upstream + "registry_gc off interval=3600000ms grace=7200000ms trash=10800000ms rate=4 untagged=on dry_run=on;"},
      {"storage: {filesystem: {}, maintenance: {retention: [{repositories: ^ci/, newest: 3, younger: 720h, keep: ^v, "
       "dryrun: true}, {repositories: ., newest: 9}]}}",
       "REGISTRY_STORAGE_MAINTENANCE_RETENTION=[{repositories: ^ci/, newest: 3, younger: 720h, keep: ^v, dryrun: "
       "true}, "
       "{repositories: ., newest: 9}]",
       upstream + "registry_retention ^ci/ newest=3 younger=2592000000ms keep=^v dry_run=on;"},
      {"storage: {filesystem: {}, maintenance: {retention: [{repositories: a, keep: b}, {repositories: ., newest: "
       "9}]}}",
       "REGISTRY_STORAGE_MAINTENANCE_RETENTION=[{repositories: a, keep: b}, {repositories: ., newest: 9}]",
       upstream + "registry_retention . newest=9;"},
      {"catalog: {maxentries: 7}", "REGISTRY_CATALOG_MAXENTRIES=7", upstream + "registry_catalog_max 7;"},
      {"validation: {disabled: true}", "REGISTRY_VALIDATION_DISABLED=true",
       upstream + "registry_layer_urls_unchecked on;"},
      {"validation: {enabled: false}", "REGISTRY_VALIDATION_ENABLED=false",
       upstream + "registry_layer_urls_unchecked on;"},
      {"validation: {manifests: {urls: {allow: [^https://a/, ^https://b/]}}}",
       "REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW=['^https://a/', '^https://b/']",
       upstream + "registry_layer_urls_allow ^https://a/ ^https://b/;"},
      {"validation: {manifests: {urls: {deny: [^https://c/]}}}",
       "REGISTRY_VALIDATION_MANIFESTS_URLS_DENY=['^https://c/']", upstream + "registry_layer_urls_deny ^https://c/;"},
      {"http: {addr: '127.0.0.1:80'}", "REGISTRY_HTTP_ADDR=127.0.0.1:80", server + "listen 127.0.0.1:80;"},
      {"http: {addr: 'localhost:80'}", "REGISTRY_HTTP_ADDR=localhost:80", server + "listen localhost:80;"},
      {"http: {addr: '[::1]:80'}", "REGISTRY_HTTP_ADDR='[::1]:80'", server + "listen [::1]:80;"},
      {"http: {addr: ':https'}", "REGISTRY_HTTP_ADDR=':https'", server + "listen 0.0.0.0:443;"},
      {"http: {host: 'https://reg.example:1'}", "REGISTRY_HTTP_HOST=https://reg.example:1",
       upstream + "registry_public_url https://reg.example:1;"},
      {"http: {relativeurls: true}", "REGISTRY_HTTP_RELATIVEURLS=true", upstream + "registry_relative_urls on;"},
      {"http: {prefix: /reg/}", "REGISTRY_HTTP_PREFIX=/reg/", "http { registry_prefix /reg/;"},
      {"http: {prefix: /reg/}", "REGISTRY_HTTP_PREFIX=/reg/", server + "location ^~ /reg/v2/ { proxy_pass"},
      {"http: {draintimeout: 60s}", "REGISTRY_HTTP_DRAINTIMEOUT=60s", "worker_shutdown_timeout 60000ms;"},
      {"http: {headers: {x-foo: [a, b]}}", "REGISTRY_HTTP_HEADERS_X-Foo=[a, b]",
       server + "location ^~ /v2/ { add_header X-Foo a always;"},
      {"http: {headers: {x-foo: [a, b]}}", "REGISTRY_HTTP_HEADERS_X-Foo=[a, b]",
       server + "location ^~ /v2/ { add_header X-Foo b always;"},
      {"http: {headers: {x-foo: one}}", "REGISTRY_HTTP_HEADERS_X-Foo=one",
       server + "location ^~ /v2/ { add_header X-Foo one always;"},
      {"http: {debug: {addr: ':5001'}}", "REGISTRY_HTTP_DEBUG_ADDR=:5001", server + "listen 0.0.0.0:5001;"},
      {"http: {debug: {addr: ':5001'}}", "REGISTRY_HTTP_DEBUG_ADDR=:5001",
       server + "location = /debug/health { health_status;"},
      {"http: {debug: {addr: ':5001', prometheus: {enabled: true}}}",
       "REGISTRY_HTTP_DEBUG={addr: ':5001', prometheus: {enabled: true}}",
       server + "location = /metrics { prometheus_metrics;"},
      {"http: {debug: {addr: ':5001', prometheus: {enabled: true, path: /m}}}",
       "REGISTRY_HTTP_DEBUG={addr: ':5001', prometheus: {enabled: true, path: /m}}",
       server + "location = /m { prometheus_metrics;"},
      {"http: {debug: {prometheus: {enabled: true}}}", "REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED=true",
       "http { registry_metrics;"},
      {"log: {level: debug}", "REGISTRY_LOG_LEVEL=debug", "error_log stderr debug;"},
      {"loglevel: warn", "REGISTRY_LOGLEVEL=warn", "error_log stderr warn;"},
      {"log: {formatter: logstash}", "REGISTRY_LOG_FORMATTER=logstash", "error_log_format logstash"},
      {"log: {fields: {zone: a}}", "REGISTRY_LOG_FIELDS_ZONE=a", "zone=a"},
      {"log: {accesslog: {disabled: true}}", "REGISTRY_LOG_ACCESSLOG_DISABLED=true", "http { access_log off;"},
      {"auth: {htpasswd: {realm: r, path: /u}}", "REGISTRY_AUTH={htpasswd: {realm: r, path: /u}}",
       server + "location ^~ /v2/ { limit_except OPTIONS { auth_basic_user_file /u;"},
      {"auth: {htpasswd: {realm: 'R of $', path: /u}}", "REGISTRY_AUTH_HTPASSWD={realm: 'R of $', path: /u}",
       "limit_except OPTIONS { auth_basic R of ${dollar};"},
      {"auth: {token: {realm: 'https://$a/', service: s, issuer: i, rootcertbundle: /c, jwks: /k, autoredirect: true}}",
       "REGISTRY_AUTH={token: {realm: 'https://$a/', service: s, issuer: i, rootcertbundle: /c, jwks: /k, "
       "autoredirect: true}}",
       "limit_except OPTIONS { auth_token https://$a/;\n" + server +
           "location ^~ /v2/ { limit_except OPTIONS { auth_token_service s;\n" + server +
           "location ^~ /v2/ { limit_except OPTIONS { auth_token_issuer i;\n" + server +
           "location ^~ /v2/ { limit_except OPTIONS { auth_token_keys /c /k;\n" + server +
           "location ^~ /v2/ { limit_except OPTIONS { auth_token_autoredirect on;"},
      {"health: {storagedriver: {enabled: true, interval: 5s, threshold: 2}}",
       "REGISTRY_HEALTH_STORAGEDRIVER={enabled: true, interval: 5s, threshold: 2}",
       "http { health_check storagedriver_filesystem folder /"},
      {"notifications: {endpoints: [{name: n, url: 'http://r/', timeout: 500ms, threshold: 5, backoff: 2s, headers: "
       "{X-A: [b, $c]}, ignoredmediatypes: [a/b], ignore: {mediatypes: [c/d], actions: [pull]}}]}",
       "REGISTRY_NOTIFICATIONS_ENDPOINTS=[{name: n, url: 'http://r/', timeout: 500ms, threshold: 5, backoff: 2s, "
       "headers: {X-A: [b, $c]}, ignoredmediatypes: [a/b], ignore: {mediatypes: [c/d], actions: [pull]}}]",
       upstream +
           "registry_notify n http://r/ timeout=500ms threshold=5 backoff=2000ms header=X-A: b header=X-A: $c "
           "ignore_type=a/b ignore_type=c/d ignore_action=pull;\n" +
           upstream + "registry_notify_source :5000;"},
      {"health: {file: [{file: /down, interval: 1s}]}", "REGISTRY_HEALTH_FILE=[{file: /down, interval: 1s}]",
       "http { health_check /down no_file /down interval=1000ms;"},
      {"health: {tcp: [{addr: 'db:1', timeout: 3s, threshold: 3}]}",
       "REGISTRY_HEALTH_TCP=[{addr: 'db:1', timeout: 3s, threshold: 3}]",
       "http { health_check db:1 tcp db:1 threshold=3 timeout=3000ms;"},
      {"health: {http: [{uri: 'http://a/', statuscode: 204, headers: {X: [y]}}]}",
       "REGISTRY_HEALTH_HTTP=[{uri: 'http://a/', statuscode: 204, headers: {X: [y]}}]",
       "http { health_check http://a/ http http://a/ status=204 header=X: y;"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CAPTURE(row.yaml);
    CAPTURE(row.variable);
    const std::string file = row.yaml.starts_with("storage:") ? "version: 0.1\n" + row.yaml : with(row.yaml);
    const Translated from_file = translated(file);
    CHECK(from_file.errors == "");
    CHECK(from_file.warnings == "");
    CHECK(from_file.has(row.line));
    const Translated from_variable = by_variables({row.variable});
    CHECK(from_variable.errors == "");
    CHECK(from_variable.warnings == "");
    CHECK(from_variable.has(row.line));
  }
}

TEST_CASE("what has nothing to do here is accepted in silence") {
  for (const std::string key :
       {"storage: {filesystem: {maxthreads: 5}, cache: {blobdescriptor: inmemory}, redirect: {disable: true}, "
        "tag: {concurrencylimit: 8}}",
        "storage: filesystem\nhttp: {secret: s, http2: {disabled: true}, h2c: {enabled: true}}",
        "storage: {filesystem: }\nnotifications: {events: {includereferences: true}, endpoints: []}",
        "storage: {filesystem: {}}\nauth: none\nredis:\nproxy: {remoteurl: ''}"}) {
    CAPTURE(key);
    const Translated made = translated("version: 0.1\n" + key);
    CHECK(made.errors == "");
    CHECK(made.warnings == "");
  }
}

TEST_CASE("TLS becomes certificates, protocols and ciphers of our language") {
  const Translated made = translated(
      with("http: {tls: {certificate: c.pem, key: k.pem, minimumtls: tls1.3, clientcas: [ca.pem], ciphersuites: "
           "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA]}}"));
  CHECK(made.errors == "");
  CHECK(made.has(server + "listen 0.0.0.0:5000 ssl;"));
  CHECK(made.has(server + "ssl_certificate c.pem;"));
  CHECK(made.has(server + "ssl_certificate_key k.pem;"));
  CHECK(made.has(server + "ssl_protocols TLSv1.3;"));
  CHECK(made.has(server + "ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA;"));
  CHECK(made.has(server + "ssl_client_certificate ca.pem;"));
  CHECK(made.has(server + "ssl_verify_client on;"));
  CHECK(translated(with("http: {tls: {certificate: c, key: k}}")).has("ssl_protocols TLSv1.2 TLSv1.3;"));
}

TEST_CASE("a unix socket is listened on by its path") {
  CHECK(translated(with("http: {net: unix, addr: /run/r.sock}")).has(server + "listen unix:/run/r.sock;"));
}

TEST_CASE("a machine without IPv6 is not asked for it") {
  const Translated made = translated("", {}, {}, false);
  CHECK(made.has("listen 0.0.0.0:5000;"));
  CHECK_FALSE(made.has("[::]"));
}

TEST_CASE("nosniff, which every answer has, is not sent twice") {
  CHECK_FALSE(by_variables({}).has("location ^~ /v2/ { add_header"));
}
