#include "config/source.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

using namespace caisson;
using namespace caisson::config;

namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "caisson-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("files are read whole, whatever their size") {
  const TemporaryFolder folder;
  const std::string text(100 * 1000, 'x');
  const std::string path = folder.file("a.conf", text);
  FileSource source;
  Result<std::string> read = source.read(path);
  REQUIRE(read.ok());
  CHECK(read.value() == text);
}

TEST_CASE("a file that is missing or a folder is refused as by a system call") {
  const TemporaryFolder folder;
  FileSource source;
  const std::string missing = (folder.path() / "none").string();
  CHECK(source.read(missing).error().what == "open() \"" + missing + "\" failed (2: No such file or directory)");
  CHECK(source.read(folder.path().string()).error().what ==
        "read() \"" + folder.path().string() + "\" failed (21: Is a directory)");
}

TEST_CASE("a pattern gives its matches in byte order, and none is no error") {
  const TemporaryFolder folder;
  const std::string b = folder.file("b.conf", "");
  const std::string a = folder.file("a.conf", "");
  const std::string upper = folder.file("Z.conf", "");
  folder.file(".c.conf", "");
  folder.file("a.txt", "");
  FileSource source;
  CHECK(source.glob((folder.path() / "*.conf").string()).value() == std::vector<std::string>{upper, a, b});
  CHECK(source.glob((folder.path() / "*.none").string()).value().empty());
}
