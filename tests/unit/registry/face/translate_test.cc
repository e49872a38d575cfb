// registry:2's config.yml and variables, and the directives that they become.
#include "registry/face/translate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>

using namespace caisson;
using registry::face::Call;
using registry::face::translate;

namespace {

// Directives as somebody would write them, one a line; blocks flat, as "upstream registry { ".
void print(const std::vector<config::Directive>& directives, const std::string& around, std::string& text) {
  for (const config::Directive& d : directives) {
    std::string line = around + d.name;
    for (const std::string& arg : d.args) line += ' ' + arg;
    if (d.has_block) {
      text += line + " {}\n";
      print(d.block, line + " { ", text);
    } else {
      text += line + ";\n";
    }
  }
}

struct Translated {
  std::string text;
  std::string errors;  // one a line
  std::string warnings;
  config::Parsed parsed;

  bool has(std::string_view part) const { return text.find(part) != std::string::npos; }
};

Translated translated(std::string yaml, std::vector<std::string> environment = {}, config::Files files = {},
                      bool ipv6 = true) {
  Call call;
  call.environment = std::move(environment);
  call.ipv6 = ipv6;
  if (!yaml.empty()) {
    call.config = "/etc/config.yml";
    files.emplace_back(call.config, std::move(yaml));
  }
  config::MemorySource source(files);
  Translated made;
  made.parsed = translate(call, source);
  print(made.parsed.directives, "", made.text);
  for (const Error& error : made.parsed.errors) made.errors += error.what + '\n';
  for (const std::string& warning : made.parsed.warnings) made.warnings += warning + '\n';
  return made;
}

Translated by_variables(std::vector<std::string> environment) { return translated("", std::move(environment)); }

// A file in order but for what is added.
std::string with(const std::string& more) {
  return "version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\n" + more;
}

const std::string server = "http { server { ";
const std::string upstream = "http { upstream registry { ";

}  // namespace

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

TEST_CASE("what is accepted without effect is told once, with its place") {
  struct Row {
    std::string yaml;
    std::string warning;
  };
  for (const Row& row : std::vector<Row>{
           {"redis: {addr: 'r:1'}", "\"redis\" has no effect here in /etc/config.yml:3"},
           {"compatibility: {schema1: {enabled: true}}", "\"compatibility.schema1.enabled\" has no effect here"},
           {"policy: {repository: {classes: [image]}}", "\"policy\" has no effect here"},
           {"reporting: {bugsnag: {apikey: k}}", "\"reporting\" has no effect here"},
           {"log: {hooks: [{type: mail}]}", "\"log.hooks\" has no effect here"},
           {"http: {host: reg.example}", "\"http.host\" without a scheme has no effect"},
       }) {
    CAPTURE(row.yaml);
    const Translated made = translated(with(row.yaml));
    CHECK(made.errors == "");
    CHECK(made.warnings.find(row.warning) != std::string::npos);
    CHECK(std::count(made.warnings.begin(), made.warnings.end(), '\n') == 1);
  }
}

TEST_CASE("what would be wrong or unsafe to leave out ends the start, with its place and the way out") {
  struct Row {
    std::string yaml;
    std::string error;
  };
  for (const Row& row : std::vector<Row>{
           {"version: 0.1\nstorage: {s3: {bucket: b}}", "\"storage.s3\" is not supported in /etc/config.yml:2 (images"},
           {"version: 0.1\nstorage: {inmemory: }", "\"storage.inmemory\" is not supported in /etc/config.yml:2"},
           {"version: 0.1\nstorage: gcs", "\"storage.gcs\" is not supported"},
           {"version: 0.1\nstorage: {foo: {}}", "unknown key \"storage.foo\" in /etc/config.yml:2"},
           {"version: 0.1\nstorage: {filesystem: {}, s3: {}}", "\"storage.s3\" is not supported"},
           {"version: 0.1\n", "no storage is configured"},
           {"version: 0.1\nstorage: {delete: {enabled: true}}", "no storage is configured"},
           {"storage: {filesystem: {}}", "no \"version\" in /etc/config.yml"},
           {"version: 0.2\nstorage: {filesystem: {}}", "unsupported version \"0.2\" in /etc/config.yml:1"},
           {"version: 0.1\nhttp: {addr: 5", "this is no YAML"},
           {"- a\n", "the whole is no map of keys"},
           {with("auth: {token: {realm: r}}"), "\"auth.token\" needs a \"service\""},
           {with("auth: token"), "\"auth.token\" needs a \"realm\""},
           {with("auth: {token: {realm: r, service: s, issuer: i}}"), "needs a \"rootcertbundle\""},
           {with("auth: {token: {realm: r, service: s, issuer: i, rootcertbundle: /c}, htpasswd: {realm: r, path: p}}"),
            "\"auth.token\" beside \"auth.htpasswd\""},
           {with("notifications: {endpoints: [{name: n}]}"), "needs a \"name\" and a \"url\" in each item"},
           {with("auth: {silly: {realm: r}}"), "\"auth.silly\" is not supported"},
           {with("auth: foo"), "unknown key \"auth.foo\" in /etc/config.yml:3"},
           {with("auth: {htpaswd: {realm: r, path: p}}"),
            "unknown key \"auth.htpaswd\" in /etc/config.yml:3 (did you mean \"auth.htpasswd\"?)"},
           {with("auth: {htpasswd: {realm: r}}"), "\"auth.htpasswd\" needs a \"path\""},
           {with("auth: htpasswd"), "\"auth.htpasswd\" needs a \"realm\""},
           {with("proxy: {remoteurl: https://x}"), "\"proxy.remoteurl\" is not supported in /etc/config.yml:3"},
           {with("middleware: {storage: [{name: cloudfront}]}"), "\"middleware\" is not supported"},
           {with("http: {tls: {letsencrypt: {hosts: [a]}}}"), "\"http.tls.letsencrypt\" is not supported"},
           {with("http: {tls: {key: /k}}"), "\"http.tls.key\" without \"http.tls.certificate\""},
           {with("http: {tls: {certificate: /c}}"), "\"http.tls.certificate\" without \"http.tls.key\""},
           {with("http: {tls: {clientcas: [/c]}}"), "\"http.tls.clientcas\" without"},
           {with("http: {tls: {certificate: /c, key: /k, minimumtls: ssl3}}"), "\"http.tls.minimumtls\" is tls1.0"},
           {with("http: {tls: {certificate: /c, key: /k, ciphersuites: [X]}}"), "knows no \"X\""},
           {with("http: {addr: 5000}"), "\"http.addr\" has no port in \"5000\" in /etc/config.yml:3"},
           {with("http: {addr: ':x'}"), "\"http.addr\" has no good port"},
           {with("http: {addr: ':0'}"), "\"http.addr\" has no good port"},
           {with("http: {addr: 'reg.example:5000'}"), "\"http.addr\" has a host name"},
           {with("http: {net: udp}"), "\"http.net\" is tcp or unix"},
           {with("http: {addr: ':1', debug: {addr: ':1'}}"), "\"http.debug.addr\" is \"http.addr\""},
           {with("http: {relativeurls: banana}"), "\"http.relativeurls\" is true or false, not \"banana\""},
           {with("http: {draintimeout: 60}"), "\"http.draintimeout\" is a time with its unit"},
           {with("http: {headers: {X: {a: b}}}"), "\"http.headers.X\" is a list"},
           {with("http: ':5000'"), "\"http\" has keys of its own"},
           {with("log: {level: loud}"), "\"log.level\" is error, warn, info or debug, not \"loud\""},
           {with("log: {formatter: xml}"), "\"log.formatter\" is text, json or logstash"},
           {with("catalog: {maxentries: many}"), "\"catalog.maxentries\" is a number"},
           {with("health: {file: [{interval: 1s}]}"), "\"health.file\" needs a \"file\" in each item"},
       }) {
    CAPTURE(row.yaml);
    const Translated made = translated(row.yaml);
    CAPTURE(made.errors);
    CHECK(made.errors.find(row.error) != std::string::npos);
    CHECK(made.parsed.directives.empty());
  }
}

TEST_CASE("all that is wrong is told at once") {
  const Translated made = translated(with("http: {addr: x, net: udp, relativeurls: maybe}\nlog: {level: loud}"));
  CHECK(std::count(made.errors.begin(), made.errors.end(), '\n') == 4);
}

TEST_CASE("an unknown key is ignored with a warning that names its place and the nearest known one") {
  const Translated made = translated(with("http: {adr: ':1'}\nfoo: bar\n"));
  CHECK(made.errors == "");
  CHECK(made.warnings ==
        "unknown key \"http.adr\", ignored in /etc/config.yml:3 (did you mean \"http.addr\"?)\n"
        "unknown key \"foo\", ignored in /etc/config.yml:4\n");
}

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
