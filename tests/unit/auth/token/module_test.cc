#include "auth/token/module.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "registry/routes/accesses.h"
#include "registry/routes/prefix.h"
#include "unit/auth/checked_request.h"
#include "unit/auth/token/token_fixture.h"
#include "unit/rules/loaded.h"

using namespace caisson;
using auth_test::CheckedRequest;

namespace {

const token_test::Signer& signer() {
  static const token_test::Signer made = token_test::Signer::ec("P-256");
  return made;
}

// A configuration, loaded; requests go to the first location.
class Site {
 public:
  explicit Site(const std::string& in_http)
      : loaded_({&registry::describe_prefix, &auth::token::describe}, in_http,
                {.services = {.hashes = &pool_}, .files = {{"/etc/keys", signer().pem()}}}) {}

  std::string errors() const { return loaded_.errors; }

  struct Outcome {
    rules::AccessVerdict::Kind kind = rules::AccessVerdict::Kind::NoOpinion;
    unsigned status = 0;
    std::string challenge;
    std::string user;
    bool limited = false;
    std::string args;  // that the content handler gets
  };
  Outcome ask(const std::string& path, const std::string& authorization = "", const std::string& method = "GET") {
    REQUIRE_MESSAGE(loaded_.settings != nullptr, errors());
    http::RequestHead head;
    head.method = method;
    head.target.path = path.substr(0, path.find('?'));
    if (path.size() > head.target.path.size()) head.target.args = path.substr(head.target.path.size() + 1);
    if (!authorization.empty()) head.headers.add("Authorization", authorization);
    CheckedRequest request(std::move(head), *loaded_.settings);
    Outcome outcome;
    for (const rules::AccessVerdict& verdict : request.judge(loaded_.language)) {
      outcome.kind = verdict.kind;
      outcome.status = verdict.answer.status;
      outcome.challenge = CheckedRequest::header(verdict, "WWW-Authenticate");
    }
    outcome.user = request.user();
    outcome.limited = request.state().data<registry::RightsByRepository>().limited;
    outcome.args = request.state().args;
    return outcome;
  }

 private:
  async::BlockingPool pool_{1, 8};
  rules_test::Loaded loaded_;
};

const std::string complete =
    "auth_token https://auth/; auth_token_service service; auth_token_issuer issuer; auth_token_keys keys;";
const std::string location = "server { location / { } }";

std::string good_token(const std::string& changed = "") {
  return token_test::token(signer(), token_test::claims(std::time(nullptr), changed), token_test::kid(signer()),
                           "ES256");
}

}  // namespace

TEST_CASE("a realm without what a token is checked by is an error at its line") {
  CHECK(Site("auth_token https://auth/;\n" + location).errors() ==
        "\"auth_token\" needs \"auth_token_service\" beside it in /etc/test.conf:2\n");
  CHECK(Site("auth_token a; auth_token_service s; auth_token_issuer i;" + location).errors() ==
        "\"auth_token\" needs \"auth_token_keys\" beside it in /etc/test.conf:2\n");
  CHECK(Site("auth_token a; auth_token_service s; auth_token_keys keys;" + location).errors() ==
        "\"auth_token\" needs \"auth_token_issuer\" beside it in /etc/test.conf:2\n");
  CHECK(Site("auth_token off;" + location).errors() == "");
  CHECK(Site(complete + location).errors() == "");
  CHECK(Site("auth_token_keys none;" + location)
            .errors()
            .starts_with("\"auth_token_keys\" directive cannot read its file"));
  CHECK(Site("auth_token_keys test.conf;" + location).errors() ==
        "\"auth_token_keys\" directive cannot use its file: \"/etc/test.conf\": has no certificate in "
        "/etc/test.conf:2\n");
}

TEST_CASE("an inner level asks nobody by off, and asks by what the outer levels say") {
  CHECK(Site(complete + "server { location / { auth_token off; } }").ask("/v2/").kind ==
        rules::AccessVerdict::Kind::NoOpinion);
  CHECK(Site(complete + location).ask("/v2/").challenge == "Bearer realm=\"https://auth/\",service=\"service\"");
}

TEST_CASE("whoever has the right is let in under the token's name, and is held to the repositories that it names") {
  Site site(complete + location);
  const Site::Outcome in = site.ask("/v2/a/tags/list", "Bearer " + good_token());
  CHECK(in.kind == rules::AccessVerdict::Kind::Granted);
  CHECK(in.user == "jane");
  CHECK(in.limited);
  const Site::Outcome out = site.ask("/v2/b/tags/list", "Bearer " + good_token());
  CHECK(out.status == 401);
  CHECK(out.user == "");
  CHECK(out.challenge ==
        R"(Bearer realm="https://auth/",service="service",scope="repository:b:pull",error="insufficient_scope")");
}

TEST_CASE("a mount from where the token may not pull is an upload, of whose source nobody behind the gate learns") {
  Site site(complete + location);
  const std::string pusher =
      "Bearer " + good_token(R"(,"access":[{"type":"repository","name":"a","actions":["pull","push"]}])");
  const auto mount = [&](const std::string& into, const std::string& args, const std::string& method = "POST") {
    return site.ask("/v2/" + into + "/blobs/uploads/?" + args, pusher, method);
  };
  const Site::Outcome own = mount("a", "mount=sha256:0&from=a");
  CHECK(own.kind == rules::AccessVerdict::Kind::Granted);
  CHECK(own.args == "mount=sha256:0&from=a");
  for (const char* const args : {"mount=sha256:0&from=b", "mount=sha256:0&from=a&from=b", "from=b;mount=sha256:0"}) {
    CAPTURE(args);
    const Site::Outcome closed = mount("a", args);
    CHECK(closed.kind == rules::AccessVerdict::Kind::Granted);
    CHECK(closed.args == "");
  }
  CHECK(mount("b", "mount=sha256:0&from=a").status == 401);
  CHECK(mount("a", "mount=sha256:0&from=b", "GET").status == 401);
  CHECK(site.ask("/v2/a/blobs/sha256:0?from=b", pusher).status == 401);
  // Whoever has no token is told which one to get for the mount.
  CHECK(site.ask("/v2/a/blobs/uploads/?mount=sha256:0&from=b", "", "POST").challenge.find("repository:b:pull") !=
        std::string::npos);
}

TEST_CASE("paths are read behind the registry's prefix") {
  Site site("registry_prefix /reg/;" + complete + location);
  const std::string bearer = "Bearer " + good_token();
  CHECK(site.ask("/reg/v2/b/tags/list", bearer).status == 401);
  CHECK(site.ask("/reg/v2/b/none", bearer).status == 404);
  CHECK(site.ask("/reg/v2/a/tags/list", bearer).kind == rules::AccessVerdict::Kind::Granted);
}

// proxy_pass could turn it into a path of the registry, of which any token would then be good enough.
TEST_CASE("what is no path of the API is not there, whatever stands behind it") {
  Site site(complete + location);
  const std::string bearer = "Bearer " + good_token();
  for (const char* const path : {"/docker/b/tags/list", "/v1/", "/v2x", "/b/tags/list", "/V2/"}) {
    CAPTURE(path);
    CHECK(site.ask(path, bearer).status == 404);
    CHECK(site.ask(path).status == 404);
  }
  CHECK(site.ask("/", bearer).kind == rules::AccessVerdict::Kind::Granted);
  CHECK(site.ask("/").status == 401);
}

TEST_CASE("what could end the challenge early is quoted in it") {
  Site site(complete + location);
  CHECK(site.ask("/v2/a\",error=\"x\\/tags/list").challenge ==
        R"(Bearer realm="https://auth/",service="service",scope="repository:a\",error=\"x\\:pull")");
}
