// What is warned of, and what ends the start.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "unit/registry/face/translated.h"

using namespace caisson;
using namespace caisson::face_test;

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
