// A folder of its own for one test, removed with all that is in it at the end of its scope, and a store in it.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "registry/store/filesystem.h"
#include "registry/store/store.h"

namespace caisson::registry::store {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "caisson-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const noexcept { return path_; }
  // Below registry:2's fixed folders.
  std::filesystem::path v2(std::string_view rest) const { return path_ / "docker/registry/v2" / rest; }

  bool has(std::string_view rest) const { return std::filesystem::exists(v2(rest)); }
  std::string read(std::string_view rest) const {
    std::ifstream file(v2(rest), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(std::string_view rest, std::string_view bytes) const {
    std::filesystem::create_directories(v2(rest).parent_path());
    std::ofstream(v2(rest), std::ios::binary) << bytes;
  }

  std::unique_ptr<FilesystemDriver> driver() const {
    auto opened = FilesystemDriver::open_root(path_.string());
    if (!opened.ok()) throw std::runtime_error(opened.error().what);
    return std::move(opened).value();
  }

 private:
  std::filesystem::path path_;
};

inline Digest sha256(std::string_view text) { return digest_of(Algorithm::Sha256, text::bytes_of(text)); }
inline RepositoryName repository(std::string_view text) { return RepositoryName::parse(text).value(); }
inline Tag tag(std::string_view text) { return Tag::parse(text).value(); }

// What fixtures begin with.
struct Stored {
  Scratch scratch;
  Store store{scratch.driver(), observe::ErrorLog()};
};

// An upload of these bytes that is no blob yet.
inline Upload upload_of(Repository& to, std::string_view bytes, Algorithm algorithm = Algorithm::Sha256) {
  auto upload = to.begin_upload(algorithm);
  REQUIRE(upload.ok());
  REQUIRE(upload.value().append(text::bytes_of(bytes)).ok());
  return std::move(upload).value();
}

inline Digest push_blob(Repository& to, std::string_view bytes, Algorithm algorithm = Algorithm::Sha256) {
  const Digest digest = digest_of(algorithm, text::bytes_of(bytes));
  REQUIRE(upload_of(to, bytes, algorithm).commit(digest).ok());
  return digest;
}

}  // namespace caisson::registry::store
