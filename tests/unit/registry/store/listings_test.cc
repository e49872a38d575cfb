// Lists of folders that are remembered, and when they no longer are.
#include "registry/store/listings.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit/registry/store/scratch.h"

using namespace caisson;
using namespace caisson::registry::store;

namespace {

struct Fixture {
  Scratch scratch;
  Fd root{::open(scratch.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  Listings listings{root};

  Fixture() { std::filesystem::create_directories(scratch.path() / "in/a"); }
  void make(const char* name) const { std::filesystem::create_directory(scratch.path() / "in" / name); }
  Names list() {
    auto names = listings.folders_in("in");
    REQUIRE(names.ok());
    return std::move(names).value();
  }
  // Waits until a change of the folder would be sure to show in its times.
  void let_it_settle() {
    struct stat folder {};
    REQUIRE(::stat((scratch.path() / "in").c_str(), &folder) == 0);
    while (std::time(nullptr) <= folder.st_ctim.tv_sec + 2) {
      const timespec moment{0, 50'000'000};
      ::nanosleep(&moment, nullptr);
    }
  }
  void set_time(std::time_t time) const {
    const std::array<timespec, 2> times{timespec{time, 0}, timespec{time, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (scratch.path() / "in").c_str(), times.data(), 0) == 0);
  }
};

using Expected = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a list is the same object as long as its names are the same") {
  const Names first = list();
  CHECK(*first == Expected{"a"});
  CHECK(list() == first);
  std::filesystem::create_directory(scratch.path() / "in/b");
  std::filesystem::remove(scratch.path() / "in/b");
  CHECK(list() == first);
  make("c");
  CHECK(*list() == Expected{"a", "c"});
  CHECK(*first == Expected{"a"});
}

TEST_CASE_FIXTURE(Fixture, "a settled list is not read again, and a change to its folder shows at once") {
  let_it_settle();
  const Names settled = list();
  make("b");
  CHECK(*list() == Expected{"a", "b"});
  std::filesystem::remove(scratch.path() / "in/b");
  CHECK(*list() == Expected{"a"});
}

TEST_CASE_FIXTURE(Fixture, "a folder whose time was set back is read again") {
  set_time(1'000'000);
  let_it_settle();
  CHECK(*list() == Expected{"a"});
  make("b");
  set_time(1'000'000);
  CHECK(*list() == Expected{"a", "b"});
}

TEST_CASE_FIXTURE(Fixture, "another folder under the same name is read anew, and one that is gone is not found") {
  let_it_settle();
  CHECK(*list() == Expected{"a"});
  std::filesystem::create_directories(scratch.path() / "other/z");
  std::filesystem::rename(scratch.path() / "in", scratch.path() / "old");
  CHECK(listings.folders_in("in").error().code == ErrorCode::NotFound);
  std::filesystem::rename(scratch.path() / "other", scratch.path() / "in");
  CHECK(*list() == Expected{"z"});
}

TEST_CASE_FIXTURE(Fixture, "where links lead may change without a trace in the folder: it is read each time") {
  std::filesystem::create_directory(scratch.path() / "target");
  std::filesystem::create_directory_symlink(scratch.path() / "target", scratch.path() / "in/link");
  let_it_settle();
  CHECK(*list() == Expected{"a", "link"});
  std::filesystem::remove(scratch.path() / "target");
  CHECK(*list() == Expected{"a"});
}

TEST_CASE("of what was used, the latest is kept, up to a weight") {
  Recent<int> recent(10);
  recent.put("a", 1, 4);
  recent.put("b", 2, 4);
  CHECK(*recent.find("a") == 1);
  recent.put("c", 3, 4);  // too much: what waits longest goes
  CHECK(recent.find("b") == nullptr);
  CHECK(*recent.find("a") == 1);
  CHECK(*recent.find("c") == 3);
  recent.put("a", 5, 6);
  CHECK(*recent.find("a") == 5);
  CHECK(*recent.find("c") == 3);
  recent.put("heavy", 7, 11);
  CHECK(recent.find("heavy") == nullptr);
  CHECK(*recent.find("a") == 5);
  recent.erase("a");
  recent.erase("a");
  CHECK(recent.find("a") == nullptr);
}
