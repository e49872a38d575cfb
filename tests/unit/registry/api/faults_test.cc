// What clients get when the disk under the registry is full, has no inodes left or cannot be written: an answer in
// JSON that names no path, and nothing acknowledged that is not there. On file systems of their own, mounted in a
// namespace that only the test's thread sees; as that takes root's rights, others skip these.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <exception>
#include <optional>
#include <thread>

#include "registry/manifest/manifest.h"
#include "unit/registry/api/api_harness.h"

using namespace caisson;
using namespace caisson::registry;
using registry::Registry;

namespace {

const std::string kOciImage(media::kOciImage);

// Runs `test` on a thread with a small file system, where temporary folders are made. The mount goes with the thread.
template <class Test>
void on_small_disk(const char* options, Test test) {
  const store::Scratch place;
  std::exception_ptr failed;
  std::thread([&] {
    try {
      REQUIRE(::unshare(CLONE_NEWNS) == 0);
      REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
      REQUIRE(::mount("none", place.path().c_str(), "tmpfs", 0, options) == 0);
      const char* const outer = ::getenv("TMPDIR");
      const std::optional<std::string> before = outer != nullptr ? std::optional<std::string>(outer) : std::nullopt;
      REQUIRE(::setenv("TMPDIR", place.path().c_str(), 1) == 0);
      Registry registry({.delete_enabled = true});
      if (before) {
        ::setenv("TMPDIR", before->c_str(), 1);
      } else {
        ::unsetenv("TMPDIR");
      }
      test(registry, place.path());
    } catch (...) {
      failed = std::current_exception();
    }
  }).join();
  if (failed) std::rethrow_exception(failed);
}

void check_refused(const Response& response, unsigned status) {
  CHECK(response.status == status);
  CHECK(response.body.starts_with(R"({"errors":[{"code":")"));
  CHECK(response.body.find("/tmp") == std::string::npos);
  CHECK(response.body.find("docker/") == std::string::npos);
  CHECK(response.body.find("caisson-store") == std::string::npos);
}

// Takes what the disk has left, but for `rest` bytes.
std::filesystem::path fill(const Registry& registry, std::size_t rest) {
  const std::filesystem::path filler = registry.scratch.path() / "filler";
  const auto room = std::filesystem::space(registry.scratch.path()).available;
  std::ofstream(filler, std::ios::binary) << std::string(room - rest, 'x');
  return filler;
}

std::string image_of(const std::string& config) {
  return R"({"schemaVersion":2,"config":{"digest":")" + config + R"("},"layers":[]})";
}

const auto without_root = doctest::skip(::geteuid() != 0);

}  // namespace

TEST_CASE("a blob that does not fit is 507; the upload stays where it was, and goes on when there is room" *
          without_root) {
  on_small_disk("size=4m", [](Registry& registry, const std::filesystem::path&) {
    const std::string upload = registry.begin("a");
    const std::string half(300'000, 'h');
    REQUIRE(registry.ask({"PATCH", upload, {}, half}).status == 202);
    const auto filler = fill(registry, 100'000);
    check_refused(registry.ask({"PATCH", upload, {}, half}), 507);
    const Response now = registry.get(upload);
    CHECK(now.status == 204);
    const auto there = std::stoul(now["Range"].substr(2)) + 1;
    CHECK(there >= half.size());
    CHECK(there < 2 * half.size());

    std::filesystem::remove(filler);
    const std::string whole = half + half;
    const Response rest =
        registry.ask({"PUT", upload + "?digest=" + store::sha256(whole).str(), {}, whole.substr(there)});
    CHECK(rest.status == 201);
    CHECK(registry.get("/v2/a/blobs/" + store::sha256(whole).str()).body == whole);
  });
}

TEST_CASE("a manifest on a full disk is 507, and its tag stays what it was" * without_root) {
  on_small_disk("size=4m", [](Registry& registry, const std::filesystem::path&) {
    const http::Headers type{{"Content-Type", kOciImage}};
    const std::string first = image_of(registry.push("a", "first"));
    const std::string second = image_of(registry.push("a", "second"));
    REQUIRE(registry.ask({"PUT", "/v2/a/manifests/v1", type, first}).status == 201);
    const auto filler = fill(registry, 0);
    check_refused(registry.ask({"PUT", "/v2/a/manifests/v1", type, second}), 507);
    check_refused(registry.ask({"POST", "/v2/a/blobs/uploads/?digest=" + store::sha256("x").str(), {}, "x"}), 507);
    CHECK(registry.get("/v2/a/manifests/v1").body == first);
    CHECK(registry.get("/v2/a/manifests/" + store::sha256(second).str()).status == 404);
    CHECK(registry.get("/v2/a/blobs/" + store::sha256("x").str()).status == 404);
    CHECK(registry.ask({"DELETE", "/v2/a/manifests/v1"}).status == 202);  // that must work, or how to make room?

    std::filesystem::remove(filler);
    CHECK(registry.ask({"PUT", "/v2/a/manifests/v1", type, second}).status == 201);
    CHECK(registry.get("/v2/a/manifests/v1").body == second);
  });
}

TEST_CASE("without inodes an upload cannot begin: 507, and reading goes on" * without_root) {
  on_small_disk("size=4m,nr_inodes=60", [](Registry& registry, const std::filesystem::path&) {
    const std::string digest = registry.push("a", "x");
    const std::filesystem::path fillers = registry.scratch.path() / "fillers";
    std::filesystem::create_directory(fillers);
    int made = 0;
    while (std::ofstream(fillers / std::to_string(made))) ++made;
    CHECK(made > 0);
    check_refused(registry.ask({"POST", "/v2/a/blobs/uploads/"}), 507);
    check_refused(registry.ask({"POST", "/v2/b/blobs/uploads/?mount=" + digest + "&from=a"}), 507);
    CHECK(registry.get("/v2/a/blobs/" + digest).body == "x");
    std::filesystem::remove_all(fillers);
    CHECK(registry.ask({"POST", "/v2/a/blobs/uploads/"}).status == 202);
  });
}

TEST_CASE("a disk that became read-only is 503 for who writes, and is still read" * without_root) {
  on_small_disk("size=4m", [](Registry& registry, const std::filesystem::path& disk) {
    const http::Headers type{{"Content-Type", kOciImage}};
    const std::string config = registry.push("a", "config");
    const std::string image = image_of(config);
    REQUIRE(registry.ask({"PUT", "/v2/a/manifests/v1", type, image}).status == 201);
    const std::string upload = registry.begin("a");
    REQUIRE(::mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
    check_refused(registry.ask({"POST", "/v2/a/blobs/uploads/"}), 503);
    check_refused(registry.ask({"PATCH", upload, {}, "x"}), 503);
    check_refused(registry.ask({"PUT", "/v2/a/manifests/v2", type, image}), 503);
    check_refused(registry.ask({"DELETE", "/v2/a/manifests/v1"}), 503);
    CHECK(registry.get("/v2/a/manifests/v1").body == image);
    CHECK(registry.ask({"HEAD", "/v2/a/blobs/" + config}).status == 200);
    CHECK(registry.get(upload).status == 204);
    CHECK(registry.get("/v2/_catalog").body == "{\"repositories\":[\"a\"]}\n");
  });
}
