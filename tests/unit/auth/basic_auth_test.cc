#include "auth/basic_auth.h"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/parser.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "unit/auth/checked_request.h"
#include "unit/rules/loaded.h"
#include "unit/temporary_folder.h"

using namespace caisson;
using auth_test::CheckedRequest;

namespace {

rules::Value arg_file(rules::RequestState& state, std::string_view) { return state.args; }

constexpr rules::VariableSpec variables[] = {{"args", &arg_file}};

// A folder with a configuration and a htpasswd file, loaded; the request goes to the first location.
class Site {
 public:
  explicit Site(std::size_t queue_limit = 100) : pool_(1, queue_limit) {
    language_.add_directives(rules_test::blocks);
    language_.add_variables(variables);
    auth::describe(language_);
  }

  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_.path(name), std::ios::binary) << text;
  }
  std::string path(const std::string& name) const { return folder_.path(name); }

  void load(std::string_view text) {
    write("site.conf", text);
    config::FileSource files;
    rules::Paths paths;
    paths.conf = folder_.path("");
    rules::Services services;
    services.hashes = &pool_;
    rules::Loader loader(language_, files, paths, services);
    loaded_ = loader.load(config::parse(files, path("site.conf")));
  }
  const std::vector<std::string>& warnings() const { return loaded_.warnings; }
  const std::vector<Error>& errors() const { return loaded_.errors; }

  struct Outcome {
    unsigned status = 200;  // the check let it pass
    std::string challenge;
    std::string retry_after;
    std::string user;
  };
  Outcome ask(std::string_view credentials, std::string_view args = {}) {
    REQUIRE(loaded_.settings != nullptr);
    http::RequestHead head;
    head.method = "GET";
    head.target.path = "/";
    head.target.args = args;
    if (!credentials.empty()) {
      head.headers.add("Authorization", "Basic " + text::to_base64(text::bytes_of(credentials)));
    }
    CheckedRequest request(std::move(head), *loaded_.settings);
    Outcome outcome;
    for (const rules::AccessVerdict& verdict : request.judge(language_)) {
      if (verdict.kind != rules::AccessVerdict::Kind::Refused) continue;
      outcome.status = verdict.answer.status;
      outcome.challenge = CheckedRequest::header(verdict, "WWW-Authenticate");
      outcome.retry_after = CheckedRequest::header(verdict, "Retry-After");
    }
    outcome.user = request.user();
    return outcome;
  }

 private:
  TemporaryFolder folder_;
  async::BlockingPool pool_;
  rules::Language language_;
  rules::Loader::Loaded loaded_;
};

// The whole configuration around the directives of one location.
std::string in_location(std::string_view directives) {
  return "http { server { location / {\n" + std::string(directives) + "\n} } }\n";
}

constexpr std::string_view usual = "auth_basic \"registry.localhost\"; auth_basic_user_file users;";

}  // namespace

TEST_CASE("without credentials, and with wrong ones, the answer is 401 with the realm") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  site.load(in_location(usual));
  for (const char* credentials : {"", "bob:wrong", "eve:secret", "bob", ":secret"}) {
    CAPTURE(credentials);
    const auto outcome = site.ask(credentials);
    CHECK(outcome.status == 401);
    CHECK(outcome.challenge == "Basic realm=\"registry.localhost\"");
    CHECK(outcome.user == "");
  }
}

TEST_CASE("right credentials pass, and the exchange knows the user") {
  Site site;
  site.write("users", "bob:{SHA}rS7uKHTXnyVCt9RR2Lh+fJ2k/DM=\n");
  site.load(in_location(usual));
  CHECK(site.errors().empty());
  CHECK(site.warnings().empty());
  const auto outcome = site.ask("bob:secret pw");
  CHECK(outcome.status == 200);
  CHECK(outcome.user == "bob");
}

TEST_CASE("a missing file is a warning at start, 403 for credentials, and served once it is there") {
  Site site;
  site.load(in_location(usual));
  REQUIRE(site.warnings().size() == 1);
  CHECK(site.warnings()[0] == "users cannot be read: open() \"" + site.path("users") +
                                  "\" failed (2: No such file or directory) in " + site.path("site.conf") +
                                  ":2 (make it with: htpasswd -cB FILE USER)");
  CHECK(site.ask("").status == 401);
  CHECK(site.ask("bob:secret").status == 403);
}

TEST_CASE("a file that cannot be read is 500") {
  Site site;
  site.load(in_location("auth_basic x; auth_basic_user_file .;"));
  CHECK(site.ask("bob:secret").status == 500);
}

TEST_CASE("lines that let nobody in are reported at start, once for all locations that name the file") {
  Site site;
  site.write("users", "testuser test123\n");
  site.load(
      "http { auth_basic x; server { location /a { auth_basic_user_file users; }\n"
      "location /b { auth_basic_user_file users; } } }");
  REQUIRE(site.warnings().size() == 2);
  CHECK(site.warnings()[0].find("in " + site.path("users") + ":1 (make the line with: htpasswd -nbB USER PASSWORD)") !=
        std::string::npos);
  CHECK(site.warnings()[1].starts_with('"' + site.path("users") + "\" lets nobody in, it has no valid line in "));
}

TEST_CASE("off lets everybody in, written out or from a variable") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  site.load("http { auth_basic outer; auth_basic_user_file users; server { location / { auth_basic off; } } }");
  CHECK(site.ask("").status == 200);
  site.load(in_location("auth_basic $args; auth_basic_user_file users;"));
  CHECK(site.ask("", "off").status == 200);
  CHECK(site.ask("", "on").challenge == "Basic realm=\"on\"");
  CHECK(site.ask("", "").challenge == "Basic realm=\"\"");
}

TEST_CASE("realm and file are inherited one by one, from http, server and location") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  site.load("http { auth_basic outer; auth_basic_user_file users; server { auth_basic inner; location / { } } }");
  CHECK(site.ask("").challenge == "Basic realm=\"inner\"");
  CHECK(site.ask("bob:secret").status == 200);
}

TEST_CASE("quotes in a realm stay inside it, control characters do not get in") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  site.load(in_location("auth_basic 'my \"own\" \\\\o/'; auth_basic_user_file users;"));
  CHECK(site.ask("").challenge == "Basic realm=\"my \\\"own\\\" \\\\o/\"");
  site.load(in_location("auth_basic $args; auth_basic_user_file users;"));
  CHECK(site.ask("", "a\r\nSet-Cookie: b").challenge == "Basic realm=\"aSet-Cookie: b\"");
}

TEST_CASE("a file named by a variable is looked for beside the configuration") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  site.load(in_location("auth_basic x; auth_basic_user_file $args;"));
  CHECK(site.ask("bob:secret", "users").status == 200);
  CHECK(site.ask("bob:secret", site.path("users")).status == 200);
  CHECK(site.ask("bob:secret", "nosuch").status == 403);
}

TEST_CASE("one directive without the other asks nobody, as in nginx, but says so at start") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  const auto mentions = [&](std::string_view what) {
    for (const std::string& warning : site.warnings()) {
      if (warning.find(what) != std::string::npos) return true;
    }
    return false;
  };
  site.load(in_location("auth_basic x;"));
  CHECK(mentions("\"auth_basic\" without \"auth_basic_user_file\" asks nobody for a password in"));
  CHECK(site.ask("").status == 200);
  site.load(in_location("auth_basic_user_file users;"));
  CHECK(mentions("\"auth_basic_user_file\" without \"auth_basic\" asks nobody for a password in"));
  site.load(in_location("auth_basic off;"));
  CHECK_FALSE(mentions("asks nobody"));
  site.load("http { server { auth_basic x; location / { auth_basic_user_file users; } } }");
  CHECK_FALSE(mentions("asks nobody"));
}

TEST_CASE("the directives stand where nginx lets them stand, once each") {
  Site site;
  site.write("users", "bob:{PLAIN}secret\n");
  site.load(
      "http { auth_basic a; server { auth_basic b; location / { auth_basic c; auth_basic_user_file users;\n"
      "limit_except GET { auth_basic d; auth_basic_user_file users; } } } }");
  CHECK(site.errors().empty());
  site.load(in_location("auth_basic a; auth_basic b;"));
  REQUIRE(site.errors().size() == 1);
  CHECK(site.errors()[0].what == "\"auth_basic\" directive is duplicate in " + site.path("site.conf") + ":2");
  site.load(in_location("if (x) { auth_basic a; }"));
  REQUIRE(site.errors().size() == 1);
  CHECK(site.errors()[0].what == "\"auth_basic\" directive is not allowed here in " + site.path("site.conf") + ":2");
  site.load(in_location("auth_basic a b;"));
  CHECK(site.errors().size() == 1);
}

TEST_CASE("when no more passwords can be checked the answer is 503 with the time to come back") {
  Site site(0);
  site.write("users", "bob:{PLAIN}secret\n");
  site.load(in_location(usual));
  const auto outcome = site.ask("bob:secret");
  CHECK(outcome.status == 503);
  CHECK(outcome.retry_after == "2");
  CHECK(outcome.challenge == "");
}
