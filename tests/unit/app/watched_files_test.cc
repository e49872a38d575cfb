#include "app/watched_files.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "unit/temporary_folder.h"

using namespace caisson;
using app::WatchedFiles;

namespace {

// A file is read at the second look after its stamp has changed.
config::Files settled(WatchedFiles& watched) {
  CHECK(watched.look().empty());
  return watched.look();
}

}  // namespace

TEST_CASE("files that stay as they are never change") {
  const TemporaryFolder folder;
  WatchedFiles watched({{folder.write("a", "one"), "one"}});
  for (int i = 0; i < 4; ++i) CHECK(watched.look().empty());
}

TEST_CASE("a change is told once, when the file has held still for a look") {
  const TemporaryFolder folder;
  const std::string a = folder.write("a", "one");
  const std::string b = folder.write("b", "two");
  WatchedFiles watched({{a, "one"}, {b, "two"}});
  CHECK(settled(watched).empty());
  folder.write("b", "two, and more");
  CHECK(watched.look().empty());
  folder.write("b", "two, and more, and more");
  CHECK(settled(watched) == config::Files{{b, "two, and more, and more"}});
  CHECK(watched.look().empty());
}

TEST_CASE("what changed between reading it and the first look counts") {
  const TemporaryFolder folder;
  const std::string a = folder.write("a", "new");
  WatchedFiles watched({{a, "old"}});
  CHECK(settled(watched) == config::Files{{a, "new"}});
}

TEST_CASE("a file written anew with the same text has not changed") {
  const TemporaryFolder folder;
  const std::string a = folder.write("a", "one");
  WatchedFiles watched({{a, "one"}});
  CHECK(settled(watched).empty());
  folder.write("draft", "one");
  std::filesystem::rename(folder.path("draft"), a);
  CHECK(settled(watched).empty());
}

TEST_CASE("a file that is gone is left as it was, and counts again when it is back with another text") {
  const TemporaryFolder folder;
  const std::string a = folder.write("a", "one");
  WatchedFiles watched({{a, "one"}});
  CHECK(settled(watched).empty());
  std::filesystem::remove(a);
  CHECK(settled(watched).empty());
  folder.write("a", "two");
  CHECK(settled(watched) == config::Files{{a, "two"}});
}

TEST_CASE("a symbolic link that is swapped is a change of the file behind it") {
  const TemporaryFolder folder;
  folder.write("first", "one");
  folder.write("second", "two");
  std::filesystem::create_symlink("first", folder.path("link"));
  WatchedFiles watched({{folder.path("link"), "one"}});
  CHECK(settled(watched).empty());
  std::filesystem::remove(folder.path("link"));
  std::filesystem::create_symlink("second", folder.path("link"));
  CHECK(settled(watched) == config::Files{{folder.path("link"), "two"}});
}
