#include "auth/htpasswd_files.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "unit/temporary_folder.h"

using namespace caisson;
using auth::Htpasswd;
using auth::HtpasswdFiles;
using namespace std::chrono_literals;

namespace {

// A file whose time of modification is set by hand: `age` seconds ago.
void write_file(const std::string& path, std::string_view text, int age = 100) {
  std::ofstream(path, std::ios::binary) << text;
  const timespec then{std::time(nullptr) - age, 0};
  const timespec times[] = {then, then};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

struct Reader {
  HtpasswdFiles files;
  HtpasswdFiles::Clock::time_point now{1h};
  HtpasswdFiles::Lost lost = HtpasswdFiles::Lost::Refuse;
  int readings = 0;
  std::vector<std::string> kept = {};

  Result<HtpasswdFiles::Users> look(const std::string& path) {
    return files.current(
        path, now, lost,
        {[this](const Htpasswd&) { ++readings; }, [this](const Error& why) { kept.push_back(why.what); }});
  }
  bool lets_in(const std::string& path, std::string_view user, std::string_view password) {
    const auto users = look(path);
    REQUIRE_MESSAGE(users.ok(), users.error().what);
    const auth::StoredHash* hash = users.value()->find(user);
    return hash != nullptr && hash->matches(password);
  }
};

}  // namespace

TEST_CASE("an edit of the file counts within a second, and an unchanged file is read once") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  write_file(path, "bob:{PLAIN}one\n");
  Reader reader;
  CHECK(reader.lets_in(path, "bob", "one"));
  write_file(path, "bob:{PLAIN}two\n", 50);
  CHECK(reader.lets_in(path, "bob", "one"));  // not looked at again yet
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "two"));
  for (int i = 0; i < 5; ++i) {
    reader.now += 1s;
    CHECK(reader.lets_in(path, "bob", "two"));
  }
  CHECK(reader.readings == 2);
}

TEST_CASE("a file that was replaced by one of the same size and time is noticed") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  write_file(path, "bob:{PLAIN}one\n");
  Reader reader;
  CHECK(reader.lets_in(path, "bob", "one"));
  write_file(path + ".new", "bob:{PLAIN}two\n");
  REQUIRE(::rename((path + ".new").c_str(), path.c_str()) == 0);
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "two"));
}

TEST_CASE("a second write within one tick of the file's clock is noticed") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  write_file(path, "bob:{PLAIN}one\n", 0);
  struct stat first {};
  REQUIRE(::stat(path.c_str(), &first) == 0);
  Reader reader;
  CHECK(reader.lets_in(path, "bob", "one"));
  std::ofstream(path, std::ios::binary) << "bob:{PLAIN}two\n";
  const timespec times[] = {first.st_mtim, first.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "two"));
}

TEST_CASE("where the last users are kept, a file that is gone lets them in until it is back, and that is told once") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  Reader reader;
  reader.lost = HtpasswdFiles::Lost::KeepLast;
  CHECK_FALSE(reader.look(path).ok());  // nobody was ever in it
  write_file(path, "bob:{PLAIN}one\n");
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "one"));
  REQUIRE(::unlink(path.c_str()) == 0);
  for (int i = 0; i < 3; ++i) {
    reader.now += 1s;
    CHECK(reader.lets_in(path, "bob", "one"));
  }
  REQUIRE(reader.kept.size() == 1);
  CHECK(reader.kept[0].find("No such file") != std::string::npos);
  write_file(path, "bob:{PLAIN}two\n", 50);
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "two"));
  REQUIRE(::unlink(path.c_str()) == 0);
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "two"));
  CHECK(reader.kept.size() == 2);
}

TEST_CASE("a missing file is NotFound until it comes, anything else that cannot be read is another error") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  Reader reader;
  auto missing = reader.look(path);
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.error().code == ErrorCode::NotFound);
  write_file(path, "bob:{PLAIN}one\n");
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "one"));
  REQUIRE(::unlink(path.c_str()) == 0);
  reader.now += 1s;
  CHECK_FALSE(reader.look(path).ok());

  const auto directory = reader.look(folder.path(""));
  REQUIRE_FALSE(directory.ok());
  CHECK(directory.error().code != ErrorCode::NotFound);

  // A path that a request can influence must not be cut at a NUL.
  write_file(path, "bob:{PLAIN}one\n");
  CHECK_FALSE(reader.look(path + std::string("\0.txt", 5)).ok());
}

TEST_CASE("a fifo in the file's place does not block") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Reader reader;
  const auto users = reader.look(path);
  if (users.ok()) CHECK(users.value()->users() == 0);
}

TEST_CASE("a file that is far too large is refused") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  write_file(path, "");
  REQUIRE(::truncate(path.c_str(), HtpasswdFiles::most_bytes + 1) == 0);
  Reader reader;
  const auto users = reader.look(path);
  REQUIRE_FALSE(users.ok());
  CHECK(users.error().code == ErrorCode::TooLarge);
}

TEST_CASE("what was handed over holds while this process may not read the file, and gives way when it may") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  Reader reader;
  CHECK(reader.files.hand_over(path, "bob:{PLAIN}handed\n")->users() == 1);
  CHECK(reader.files.was_handed(path));
  write_file(path, "bob:{PLAIN}disk\n");
  REQUIRE(::chmod(path.c_str(), 0) == 0);
  if (::access(path.c_str(), R_OK) != 0) {  // root may read everything
    CHECK(reader.lets_in(path, "bob", "handed"));
    reader.files.hand_over(path, "bob:{PLAIN}again\n");
    CHECK(reader.lets_in(path, "bob", "again"));
  }
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  reader.now += 1s;
  CHECK(reader.lets_in(path, "bob", "disk"));
}

TEST_CASE("what was handed over and is the same on disk is not reported again") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  write_file(path, "bob:{PLAIN}one\n");
  Reader reader;
  const auto handed = reader.files.hand_over(path, "bob:{PLAIN}one\n");
  const auto users = reader.look(path);
  REQUIRE(users.ok());
  CHECK(users.value() == handed);
  CHECK(reader.readings == 0);
}

TEST_CASE("paths that requests make up do not pile up, and do not push out the configured ones") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  write_file(path, "bob:{PLAIN}one\n");
  Reader reader;
  const auto handed = reader.files.hand_over(path, "bob:{PLAIN}one\n");
  for (int i = 0; i < 1000; ++i) {
    reader.now += 1ms;
    CHECK_FALSE(reader.look(folder.path("made-up-" + std::to_string(i))).ok());
  }
  const auto users = reader.look(path);
  REQUIRE(users.ok());
  CHECK(users.value() == handed);
}
