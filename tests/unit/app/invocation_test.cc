#include "app/invocation.h"

#include <doctest/doctest.h>

#include <vector>

using namespace caisson;
using namespace caisson::app;

namespace {

Result<Invocation> parse(std::vector<const char*> argv) {
  argv.insert(argv.begin(), "/usr/sbin/caisson");
  return parse_invocation(argv);
}

std::string refusal(std::vector<const char*> argv) {
  Result<Invocation> parsed = parse(std::move(argv));
  REQUIRE_FALSE(parsed.ok());
  return parsed.error().what;
}

}  // namespace

TEST_CASE("without arguments the files are where Debian's nginx has them") {
  const Invocation invocation = parse({}).value();
  CHECK(invocation.conf == "/etc/nginx/nginx.conf");
  CHECK(invocation.prefix == "/usr/share/nginx/");
  CHECK(invocation.error_log == "stderr");
  CHECK(invocation.program == "caisson");
}

TEST_CASE("a value stands behind its option or in the next word; flags may be put together") {
  const Invocation apart = parse({"-p", "/srv", "-c", "a.conf", "-g", "daemon off;", "-e", "logs/e.log"}).value();
  CHECK(apart.prefix == "/srv/");
  CHECK(apart.conf == "/srv/a.conf");
  CHECK(apart.error_log == "/srv/logs/e.log");
  CHECK(apart.directives == "daemon off;");
  const Invocation together = parse({"-tqc/x/a.conf", "-p/srv/", "-estderr"}).value();
  CHECK(together.test);
  CHECK(together.quiet);
  CHECK(together.conf == "/x/a.conf");
  CHECK(together.prefix == "/srv/");
  CHECK(together.error_log == "stderr");
  CHECK_FALSE(together.dump);
  CHECK(parse({"-T"}).value().test);
}

TEST_CASE("a prefix counts wherever it stands among the arguments") {
  CHECK(parse({"-c", "a.conf", "-p", "/srv"}).value().conf == "/srv/a.conf");
}

TEST_CASE("wrong arguments are refused in nginx's words") {
  CHECK(refusal({"-x"}) == "invalid option: \"x\"");
  CHECK(refusal({"-tx"}) == "invalid option: \"x\"");
  CHECK(refusal({"start"}) == "invalid option: \"start\"");
  CHECK(refusal({"-s", "restart"}) == "invalid option: \"-s restart\"");
  CHECK(refusal({"-s"}) == "option \"-s\" requires parameter");
  CHECK(refusal({"-c"}) == "option \"-c\" requires file name");
  CHECK(refusal({"-p"}) == "option \"-p\" requires directory name");
}

TEST_CASE("called as nginx, it calls itself nginx") {
  const char* const argv[] = {"/usr/sbin/nginx"};
  CHECK(parse_invocation(argv).value().program == "nginx");
  CHECK(version_text(parse({"-h"}).value(), "").find("Usage: caisson [-?hvVtTq]") != std::string::npos);
}

TEST_CASE("-g counts before the configuration file, and the errors of both are told") {
  Invocation invocation = parse({"-c", "/a.conf", "-g", "daemon off; x"}).value();
  config::MemorySource files(config::Files{{"/a.conf", "pid /run/a; }"}});
  const config::Parsed parsed = read_configuration(invocation, files);
  REQUIRE(parsed.directives.size() == 2);
  CHECK(parsed.directives[0].name == "daemon");
  CHECK(parsed.directives[1].name == "pid");
  REQUIRE(parsed.errors.size() == 2);
  CHECK(parsed.errors[0].what == "unexpected end of parameter, expecting \";\" in command line");
  CHECK(parsed.errors[1].what == "unexpected \"}\" in /a.conf:1");
}
