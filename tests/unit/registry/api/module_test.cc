#include "registry/api/module.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/api/collection_settings.h"
#include "registry/api/metrics.h"
#include "rules/phases.h"
#include "unit/registry/store/scratch.h"
#include "unit/rules/loaded.h"

using namespace caisson;
using registry::store::Scratch;

namespace {

struct Loaded : rules_test::Loaded {
  explicit Loaded(const std::string& block, std::string prefix = "/nowhere/")
      : rules_test::Loaded({&registry::describe}, "upstream r {" + block + "}", {.prefix = std::move(prefix)}) {}
  std::string start() const {
    REQUIRE_MESSAGE(settings != nullptr, errors);
    for (const auto& check : settings->start_checks) {
      if (auto done = check(); !done.ok()) return done.error().what;
    }
    return "";
  }
};

}  // namespace

TEST_CASE("an upstream with a registry has a handler, and opens its folder at the start") {
  const Scratch scratch;
  const Loaded loaded("registry " + scratch.path().string() + "; registry_delete on; registry_read_only off;");
  CHECK(loaded.start() == "");
  const rules::Level& upstream = *loaded.http().inner().at(0);
  CHECK(upstream.get<rules::EmbeddedUpstream>().handler != nullptr);
}

TEST_CASE("a relative folder starts at the prefix") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch.path() / "data");
  CHECK(Loaded("registry data;", scratch.path().string() + '/').start() == "");
}

TEST_CASE("a folder that is not there ends the start, with the line and the mending") {
  const std::string error = Loaded("registry missing;").start();
  CHECK(error.find("\"registry\" directive cannot use its folder") == 0);
  CHECK(error.find("in /etc/test.conf:2 (\"mkdir -p /nowhere/missing\" makes it)") != std::string::npos);
}

// In a child without root's rights: a folder that belongs to somebody else is found when the start looks at it.
TEST_CASE("a folder that the worker's user cannot write ends the start, with the mending, unless it is only read" *
          doctest::skip(::geteuid() != 0)) {
  const Scratch scratch;
  std::filesystem::permissions(scratch.path(), std::filesystem::perms(0777));
  std::filesystem::create_directories(scratch.v2("blobs"));  // root's, as registry:2 leaves it
  const std::string registry = "registry " + scratch.path().string() + ';';
  const Loaded writing(registry);
  const Loaded reading(registry + " registry_read_only on;");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    const std::string error = writing.start();
    if (error.find("chown -R nobody " + scratch.path().string()) == std::string::npos) ::_exit(2);
    ::_exit(reading.start().empty() ? 0 : 3);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("every option of a registry is taken") {
  const Scratch scratch;
  const Loaded loaded("registry " + scratch.path().string() +
                      "; registry_upload_purging on; registry_upload_age 2h; registry_upload_purge_interval 1h;"
                      "registry_upload_purge_dry_run on; registry_catalog_max 10; registry_layer_urls_allow ^a ^b;"
                      "registry_layer_urls_deny c; registry_layer_urls_unchecked off; registry_sparse_indexes on;"
                      "registry_automatic_mount on; registry_public_url https://r:5000/; registry_relative_urls on;");
  CHECK(loaded.start() == "");
}

TEST_CASE("mistakes in the block are told with their line") {
  CHECK(Loaded("registry a; registry_public_url r:5000;").errors.find("needs a URL") != std::string::npos);
  CHECK(Loaded("registry a; registry_layer_urls_allow (;").errors.find("has a bad pattern") != std::string::npos);
  CHECK(Loaded("registry a; registry_upload_purge_interval 0;").errors.find("longer than nothing") !=
        std::string::npos);
  CHECK(Loaded("registry_catalog_max 5;").errors.find("\"registry_catalog_max\" without \"registry\"") == 0);
  CHECK(Loaded("registry a; registry b;").errors.find("\"registry\" directive is duplicate in /etc/test.conf:2") == 0);
  CHECK(Loaded("registry a; registry_delete maybe;").errors.find("/etc/test.conf:2") != std::string::npos);
  CHECK(Loaded("registry_delete on;").errors.find("\"registry_delete\" without \"registry\"") == 0);
  CHECK(Loaded("registry;").errors.find("invalid number of arguments") == 0);
}

TEST_CASE("collecting garbage and retention are read, or refused with the parameter that is wrong") {
  for (const char* const good :
       {"registry_gc;", "registry_gc off;",
        "registry_gc interval=1h grace=30m trash=2d rate=100 untagged=on dry_run=on;",
        "registry_gc; registry_retention ^ci/ newest=3; registry_retention . younger=30d keep=^v dry_run=on;"}) {
    CAPTURE(good);
    CHECK(Loaded(std::string("registry /data; ") + good).errors == "");
  }
  const std::pair<const char*, const char*> bad[] = {
      {"registry_gc interval=0;", R"("registry_gc" directive has an invalid parameter "interval=0")"},
      {"registry_gc grace=0s;", R"(invalid parameter "grace=0s")"},
      {"registry_gc untagged=yes;", R"(invalid parameter "untagged=yes")"},
      {"registry_gc on;", R"(invalid parameter "on")"},
      {"registry_gc; registry_gc;", R"("registry_gc" directive is duplicate)"},
      {"registry_gc; registry_retention ^ci/;", "keeps nothing: it needs newest=, younger= or keep="},
      {"registry_gc; registry_retention ( newest=1;", "has a bad pattern"},
      {"registry_gc; registry_retention . newest=-1;", R"(invalid parameter "newest=-1")"},
      {"registry_retention . newest=1;", R"("registry_retention" without "registry_gc" in this block)"},
  };
  for (const auto& [block, problem] : bad) {
    CAPTURE(block);
    CHECK(Loaded(std::string("registry /data; ") + block).errors.find(problem) != std::string::npos);
  }
  CHECK(Loaded("registry_gc;").errors.find(R"("registry_gc" without "registry")") != std::string::npos);
}

TEST_CASE("leases are renewed in time for the grace period, and at least every quarter of an hour") {
  using namespace std::chrono_literals;
  CHECK(registry::lease_age_for(2s) == 500ms);
  CHECK(registry::lease_age_for(1h) == 15min);
  CHECK(registry::lease_age_for(24h) == 15min);
}

TEST_CASE("collections of garbage are counted, once there was one") {
  registry::Metrics metrics;
  const auto written = [&] {
    observe::Exposition text;
    metrics.write(text);
    return text.text();
  };
  CHECK(written().find("registry_gc_") == std::string::npos);
  registry::maintenance::CollectionSummary summary;
  summary.removed_blobs = 3;
  summary.removed_bytes = 4000;
  metrics.collected(summary);
  metrics.collected(Error{ErrorCode::Io, "no"});
  for (const char* const line :
       {"registry_gc_runs_total{result=\"done\"} 1\n", "registry_gc_runs_total{result=\"failed\"} 1\n",
        "registry_gc_removed_blobs_total 3\n", "registry_gc_removed_bytes_total 4000\n"}) {
    CAPTURE(line);
    CHECK(written().find(line) != std::string::npos);
  }
}
