#include "registry/store/filesystem.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "contract/store_driver.h"
#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

TEST_CASE("the file system keeps the contract of a driver") {
  const Scratch scratch;
  store_driver_contract([&] { return scratch.driver(); });
}

TEST_CASE("a root that is not there is an error, not a new folder") {
  const Scratch scratch;
  const std::string missing = (scratch.path() / "missing").string();
  auto opened = FilesystemDriver::open_root(missing);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ErrorCode::NotFound);
  CHECK_FALSE(std::filesystem::exists(missing));
}

TEST_CASE("probing a folder leaves nothing in it") {
  const Scratch scratch;
  CHECK(scratch.driver()->probe_writable().ok());
  CHECK(std::filesystem::is_empty(scratch.path()));
  std::filesystem::create_directories(scratch.v2("blobs"));
  CHECK(scratch.driver()->probe_writable().ok());
  CHECK(std::filesystem::is_empty(scratch.v2("blobs")));
}

TEST_CASE("files and folders have registry:2's permissions: all but what the umask takes") {
  const Scratch scratch;
  const mode_t before = ::umask(027);
  REQUIRE(scratch.driver()->put(Layout::blob_data(sha256("x")), "x").ok());
  ::umask(before);
  const auto mode_of = [](const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
  };
  const std::filesystem::path data = scratch.path() / Layout::blob_data(sha256("x")).path();
  CHECK(mode_of(data) == 0640);
  CHECK(mode_of(data.parent_path()) == 0750);
}

TEST_CASE("a write leaves no temporary file behind") {
  const Scratch scratch;
  const auto driver = scratch.driver();
  const Key key = Layout::blob_data(sha256("x"));
  REQUIRE(driver->put(key, "x").ok());
  REQUIRE(driver->put(key, "x").ok());
  const auto folder = (scratch.path() / key.path()).parent_path();
  CHECK(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("a folder that somebody else removed is made again") {
  const Scratch scratch;
  const auto driver = scratch.driver();
  const Key key = Layout::blob_data(sha256("x"));
  REQUIRE(driver->put(key, "x").ok());
  std::filesystem::remove_all(scratch.path() / "docker");
  CHECK(driver->put(key, "x").ok());
  CHECK(driver->get(key, 10).value() == "x");
}

TEST_CASE("a folder that is a link counts as one, and removing a tree does not follow it") {
  const Scratch scratch;
  const Scratch elsewhere;
  const auto driver = scratch.driver();
  const auto name = repository("app");
  std::filesystem::create_directories(scratch.v2("repositories/app/_manifests/tags/v1"));
  elsewhere.write("kept/link", "x");
  std::filesystem::create_directory_symlink(elsewhere.v2("kept"),
                                            scratch.v2("repositories/app/_manifests/tags/linked"));
  CHECK(*driver->folders(Layout::tags(name)).value() == std::vector<std::string>{"linked", "v1"});
  REQUIRE(driver->remove(std::array{Layout::tags(name)}).ok());
  CHECK(elsewhere.has("kept/link"));
}

TEST_CASE("who wants a lock alone is not passed by those who come to share it later") {
  const Scratch scratch;
  const auto hold = [&](Sharing sharing) { return scratch.driver()->hold(Layout::content_lock(), sharing).value(); };
  auto first = hold(Sharing::Shared);
  std::mutex mutex;
  std::vector<std::string> order;
  const auto wait_for = [&](Sharing sharing, std::string name) {
    const auto held = hold(sharing);
    const std::lock_guard lock(mutex);
    order.push_back(std::move(name));
  };
  std::jthread alone([&] { wait_for(Sharing::Alone, "alone"); });
  // It waits once nobody else gets through the turnstile.
  const Fd turnstile(::open(scratch.v2("_lock.turn").c_str(), O_RDONLY | O_CLOEXEC));
  while (::flock(turnstile.get(), LOCK_SH | LOCK_NB) == 0) {
    ::flock(turnstile.get(), LOCK_UN);
    std::this_thread::yield();
  }
  std::jthread later([&] { wait_for(Sharing::Shared, "later"); });
  first.reset();
  alone.join();
  later.join();
  CHECK(order == std::vector<std::string>{"alone", "later"});
}
