#include "config/source.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::config;

TEST_CASE("files are read whole, whatever their size") {
  const TemporaryFolder folder;
  const std::string text(100 * 1000, 'x');
  const std::string path = folder.write("a.conf", text);
  FileSource source;
  Result<std::string> read = source.read(path);
  REQUIRE(read.ok());
  CHECK(read.value() == text);
}

TEST_CASE("a file that is missing or a folder is refused as by a system call") {
  const TemporaryFolder folder;
  FileSource source;
  const std::string missing = folder.path("none");
  CHECK(source.read(missing).error().what == "open() \"" + missing + "\" failed (2: No such file or directory)");
  CHECK(source.read(folder.path()).error().what == "read() \"" + folder.path() + "\" failed (21: Is a directory)");
}

TEST_CASE("a pattern gives its matches in byte order, and none is no error") {
  const TemporaryFolder folder;
  const std::string b = folder.write("b.conf", "");
  const std::string a = folder.write("a.conf", "");
  const std::string upper = folder.write("Z.conf", "");
  folder.write(".c.conf", "");
  folder.write("a.txt", "");
  FileSource source;
  CHECK(source.glob(folder.path("*.conf")).value() == std::vector<std::string>{upper, a, b});
  CHECK(source.glob(folder.path("*.none")).value().empty());
}
