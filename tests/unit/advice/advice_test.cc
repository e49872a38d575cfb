#include "advice/advice.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "config/parser.h"

using namespace caisson;

namespace {

// The findings of a configuration, "LINE: TEXT" each.
std::vector<std::string> advice_on(const std::string& http) {
  config::MemorySource source({{"/n.conf", "http {\n" + http + "\n}\n"}});
  const config::Parsed parsed = config::parse(source, "/n.conf");
  REQUIRE(parsed.errors.empty());
  std::vector<std::string> lines;
  for (const advice::Finding& finding : advice::advise(parsed.directives)) {
    CHECK(finding.at.file == "/n.conf");
    lines.push_back(std::to_string(finding.at.line) + ": " + finding.text);
  }
  return lines;
}

bool says(const std::vector<std::string>& lines, std::string_view line, std::string_view part) {
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& one) {
    return one.starts_with(std::string(line) + ": ") && one.find(part) != std::string::npos;
  });
}

bool mentions(const std::vector<std::string>& lines, std::string_view part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& one) { return one.find(part) != std::string::npos; });
}

// A server (line 2) with a location (line 4) in front of a registry that leaves nothing to advise; `server` and
// `location` are added to it.
std::string gate(const std::string& server, const std::string& location, const std::string& listen = "443 ssl",
                 const std::string& path = "/v2/") {
  return "server { listen " + listen +
         "; server_name registry.company.org; client_max_body_size 0; proxy_read_timeout 900;\n" + server +
         "\nlocation " + path + " {\nproxy_pass http://registry:5000;\nproxy_set_header Host $http_host;\n" +
         "proxy_set_header X-Forwarded-Proto $scheme;\n" + location + "\n}\n}";
}

const std::string passwords =
    "auth_basic realm; auth_basic_user_file /users; proxy_set_header Authorization \"\"; add_header "
    "Docker-Distribution-Api-Version $version always;";

}  // namespace

TEST_CASE("a configuration that has all that a registry needs gets no advice") {
  CHECK(advice_on(gate("", "")).empty());
  CHECK(advice_on(gate("", passwords)).empty());
}

TEST_CASE("a server that is in front of something else gets no advice about registries") {
  CHECK(advice_on("server { listen 80; location / { proxy_pass http://wiki:8080; } }").empty());
  CHECK(advice_on(gate("location /ui/ { proxy_pass http://ui; }", "")).empty());
}

TEST_CASE("the whole host counts as a registry's path when its names say so and no location is about /v2/") {
  const std::string whole = "server { listen 443 ssl; location / { proxy_pass http://registry:5000; } }";
  CHECK(mentions(advice_on(whole), "1 MiB"));
  CHECK(
      mentions(advice_on("upstream u { server docker-registry:5000; }\nserver { location / { proxy_pass http://u; } }"),
               "1 MiB"));
  CHECK_FALSE(
      mentions(advice_on(gate("location / { client_max_body_size 1m; proxy_pass http://registry-ui; }", "")), "413"));
}

TEST_CASE("the body limit: 1 MiB when nothing is said, a finite one where it stands") {
  const std::string open = "server { listen 443 ssl;\nlocation /v2/ { proxy_pass http://registry; } }";
  CHECK(says(advice_on(open), "3", "1 MiB"));
  CHECK(says(advice_on("client_max_body_size 2G;\n" + open), "2", "client_max_body_size 2G"));
  CHECK_FALSE(mentions(advice_on("client_max_body_size 0;\n" + open), "413"));
}

TEST_CASE("an external registry that may be silent for 60 s is told of, the one inside is not") {
  const std::string named = "server { listen 443 ssl; location /v2/ { proxy_pass http://r; } }";
  CHECK(mentions(advice_on("upstream r { server registry:5000; }\n" + named), "proxy_read_timeout"));
  CHECK_FALSE(mentions(advice_on("upstream r { registry /data; }\n" + named), "proxy_read_timeout"));
}

TEST_CASE("gzip over a registry") {
  CHECK(says(advice_on(gate("gzip on;", "")), "3", "gzip is on"));
  CHECK(advice_on(gate("gzip on;", "gzip off;")).empty());
}

TEST_CASE("the Host that the registry is told") {
  const std::string without = "server { listen 443 ssl; location /v2/ {\nproxy_pass http://registry; } }";
  CHECK(says(advice_on(without), "3", "not told the Host"));
  const auto with_host = [](const std::string& listen) {
    return "server { listen " + listen +
           "; location /v2/ { proxy_pass http://registry;\nproxy_set_header host $host; } }";
  };
  CHECK(says(advice_on(with_host("5043 ssl")), "3", "$host has no port"));
  CHECK_FALSE(mentions(advice_on(with_host("443 ssl")), "$host has no port"));
  CHECK_FALSE(mentions(advice_on(with_host("[::]:443 ssl")), "$host has no port"));
}

TEST_CASE("the scheme that the registry is told") {
  const auto with = [](const std::string& listen, const std::string& header) {
    return "server { listen " + listen + "; location /v2/ { proxy_pass http://registry;\n" + header + " } }";
  };
  CHECK(mentions(advice_on(with("443 ssl", "")), "not told that clients use https"));
  CHECK_FALSE(mentions(advice_on(with("80", "")), "not told that clients use https"));
  CHECK(says(advice_on(with("80", "proxy_set_header X-Forwarded-Proto $scheme;")), "3", "$scheme is http"));
  CHECK_FALSE(mentions(advice_on(with("80", "proxy_set_header X-Forwarded-Proto $proto;")), "$scheme is http"));
  CHECK_FALSE(mentions(advice_on(with("80", "proxy_set_header X-Forwarded-Proto https;")), "$scheme is http"));
}

TEST_CASE("headers that an inner block cancels are named, those that it repeats are not") {
  const auto lines = advice_on(
      gate("add_header Strict-Transport-Security x; add_header X-Frame-Options y;", "add_header x-frame-options z;"));
  REQUIRE(lines.size() == 1);
  CHECK(lines.front().starts_with("8: add_header here cancels those of the outer block (Strict-Transport-Security)"));
  CHECK(says(advice_on(gate("proxy_set_header X-Real-IP $remote_addr;", "")), "6", "(X-Real-IP)"));
}

TEST_CASE("the version header") {
  CHECK(
      says(advice_on(gate("", "add_header Docker-Distribution-Api-Version registry/2.0;")), "8", "without \"always\""));
  CHECK(says(advice_on(gate("", "add_header docker-distribution-api-version registry/2.0 always;")), "8", "twice"));
  CHECK(advice_on(gate("", "add_header Docker-Distribution-Api-Version $version always;")).empty());
  CHECK(says(advice_on(gate("", "proxy_set_header Docker-Distribution-Api-Version registry/2.0;")), "8", "add_header"));
}

TEST_CASE("passwords without TLS") {
  CHECK(says(advice_on(gate("", passwords, "80")), "8", "in the clear"));
  CHECK_FALSE(mentions(advice_on(gate("ssl on;", passwords, "443")), "in the clear"));
  CHECK_FALSE(mentions(advice_on(gate("auth_basic off;", "auth_basic_user_file /users;", "80")), "in the clear"));
}

TEST_CASE("passwords for some methods only, which Docker cannot use") {
  const std::string some = "limit_except GET HEAD { auth_basic realm; auth_basic_user_file /users; }";
  CHECK(says(advice_on(gate("", some)), "8", "docker login"));
  CHECK_FALSE(mentions(advice_on(gate("", "limit_except GET { deny all; }")), "docker login"));
}

TEST_CASE("a password that goes on to the registry") {
  CHECK(mentions(advice_on(gate("", "auth_basic realm; auth_basic_user_file /users;")), "Authorization \"\";"));
}

TEST_CASE("a proxy_pass that rewrites the registry's path") {
  const auto with = [](const std::string& path, const std::string& url) {
    return "server { listen 443 ssl; location " + path + " {\nproxy_pass " + url + "; } }";
  };
  CHECK(says(advice_on(with("/v2/", "http://registry/v2/")), "3", "changes nothing"));
  CHECK(says(advice_on(with("/v2/", "http://registry/")), "3", "404"));
  CHECK(says(advice_on(with("/", "http://registry/")), "3", "changes nothing"));
  CHECK_FALSE(mentions(advice_on(with("/v2/", "http://registry")), "proxy_pass puts"));
  CHECK_FALSE(mentions(advice_on(with("~ ^/v2/(.*)", "http://registry/v2/$1")), "proxy_pass puts"));
}

TEST_CASE("a registry below a folder, where Docker does not look") {
  CHECK(mentions(advice_on("server { location /registry/ { proxy_pass http://registry:5000/; } }"), "at the root"));
  CHECK_FALSE(
      mentions(advice_on("server { location /registry/ { proxy_pass http://registry-ui:80; } }"), "at the root"));
}

TEST_CASE("an alias and its location end both with a slash or both without") {
  const auto with = [](const std::string& path, const std::string& alias) {
    return advice_on("server { location " + path + " { alias " + alias + "; } }");
  };
  CHECK(mentions(with("/certs", "/srv/certs/"), "leads out of it"));
  CHECK(mentions(with("/certs/", "/srv/certs"), "is looked for at \"/srv/certsa\""));
  CHECK(with("/certs/", "/srv/certs/").empty());
  CHECK(with("/certs", "/srv/certs").empty());
}

TEST_CASE("a port that clients expect TLS on") {
  CHECK(says(advice_on("server {\nlisten 443; }"), "3", "HTTP response to HTTPS client"));
  CHECK(advice_on("server { listen 443 ssl; }").empty());
  CHECK(advice_on("server { listen 443; ssl on; }").empty());
  CHECK(advice_on("server { listen 8080; }").empty());
}

TEST_CASE("protocols that nobody should speak any more") {
  CHECK(mentions(advice_on("server { listen 443 ssl; ssl_protocols TLSv1 TLSv1.1 TLSv1.2; }"), "TLS 1.0 and 1.1"));
  CHECK(advice_on("server { listen 443 ssl; ssl_protocols TLSv1.2 TLSv1.3; }").empty());
}

TEST_CASE("the registry API v1, and names that a tutorial left behind") {
  CHECK(mentions(advice_on("server { location /v1/ { return 404; } }"), "API v1"));
  CHECK(mentions(advice_on("server { server_name registry.example.com; }"), "tutorial"));
  CHECK(advice_on("server { server_name ~^(?<name>.+)\\.example\\.com$ registry.company.org _; }").empty());
}

TEST_CASE("findings come in the order of the file, and none twice") {
  const auto lines = advice_on(
      "client_max_body_size 1g;\nserver { listen 443 ssl; location /v2/ { proxy_pass "
      "http://a; } location /v2/x/ { proxy_pass http://b; }\nlocation /v1/ { return 404; } }");
  const auto by_line = [](const std::string& a, const std::string& b) { return a.front() < b.front(); };
  CHECK(std::is_sorted(lines.begin(), lines.end(), by_line));
  CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& l) { return l.starts_with("2: "); }) == 1);
}

TEST_CASE("nginx's own 401 without the version header") {
  const std::string asks = "auth_basic realm; auth_basic_user_file /users; proxy_set_header Authorization \"\";";
  CHECK(says(advice_on(gate("", asks)), "8", "nginx's own 401"));
  CHECK(advice_on(gate("", passwords)).empty());
}

TEST_CASE("a backend's name that only a request makes, without a resolver") {
  const auto with = [](const std::string& url, const std::string& more) {
    return advice_on("server { listen 443 ssl; " + more + " location /v2/ {\nproxy_pass " + url + "; } }");
  };
  CHECK(says(with("http://$registry:5000", ""), "3", "resolver"));
  CHECK_FALSE(mentions(with("http://$registry:5000", "resolver 127.0.0.11;"), "resolver"));
  CHECK_FALSE(mentions(with("http://registry:5000$request_uri", ""), "resolver"));
  CHECK_FALSE(mentions(with("http://registry/v2/$1", ""), "resolver"));
}

TEST_CASE("a redirect that loses what was asked for") {
  CHECK(says(advice_on("server {\nreturn 301 https://registry.company.org; }"), "3", "first page"));
  CHECK(mentions(advice_on("server { location / { return 302 https://registry.company.org/; } }"), "first page"));
  CHECK(advice_on("server { return 301 https://$host$request_uri; }").empty());
  CHECK(advice_on("server { return 301 https://registry.company.org$uri; }").empty());
  CHECK(advice_on("server { location / { return 301 https://registry.company.org/ui/; } }").empty());
  CHECK(advice_on("server { location /old { return 301 https://registry.company.org/; } }").empty());
  CHECK(advice_on("server { location / { return 200 \"see http://x\"; } }").empty());
}

TEST_CASE("hashes that nginx could not read are named by their line in the users' file") {
  config::MemorySource source(config::Files{{"/n.conf", "http {\n" + gate("", passwords) + "\n}\n"}});
  const config::Parsed parsed = config::parse(source, "/n.conf");
  const config::Files files{{"/users", "a:$2y$05$x\nb:$argon2id$v=19$m=16,t=2,p=1$c2FsdA$aa\n"},
                            {"/other", "b:$argon2"}};
  const auto findings = advice::advise(parsed.directives, files);
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().at.str() == "/users:2");
  CHECK(findings.front().text.starts_with("nginx cannot read an Argon2 hash"));
}
