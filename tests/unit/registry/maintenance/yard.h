// A store with images in it whose ages can be set, and collections of its garbage.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "registry/maintenance/collection.h"
#include "unit/registry/store/scratch.h"

namespace caisson::registry::maintenance {

using namespace std::chrono_literals;
using store::Digest;
using store::repository;
using store::sha256;
using store::tag;

struct Image {
  std::string bytes;
  Digest digest = sha256(bytes);
  store::References references = {};
};

struct Yard : store::Stored {
  CollectionRules rules;
  std::vector<std::string> lines;

  Digest blob(const char* name, std::string_view bytes) {
    store::Repository to = store.repository(repository(name));
    return push_blob(to, bytes);
  }
  static std::string described(const Digest& digest) { return R"({"digest":")" + digest.str() + R"(","size":1})"; }
  static std::string about(const Digest* subject) {
    return subject != nullptr ? R"(,"subject":)" + described(*subject) : "";
  }
  // An image of one layer, whose blobs are pushed. Its seed tells it from others.
  Image image(const char* name, const std::string& seed, const Digest* subject = nullptr) {
    const Digest config = blob(name, "config of " + seed);
    const Digest layer = blob(name, "layer of " + seed);
    return {R"({"schemaVersion":2,"config":)" + described(config) + R"(,"layers":[)" + described(layer) + "]" +
                about(subject) + "}",
            sha256(""),
            {{config, layer}, {}}};
  }
  static Image index_of(const std::vector<Digest>& children, const Digest* subject = nullptr) {
    std::string list;
    for (const Digest& child : children) list += (list.empty() ? "" : ",") + described(child);
    return {R"({"schemaVersion":2,"manifests":[)" + list + "]" + about(subject) + "}", sha256(""), {{}, children}};
  }
  Digest push(const char* name, const Image& image, const std::vector<std::string>& tags = {}) {
    std::vector<store::Tag> parsed;
    for (const std::string& one : tags) parsed.push_back(tag(one));
    const Digest digest = sha256(image.bytes);
    auto missing = store.repository(repository(name)).put_manifest(digest, image.bytes, image.references, parsed);
    REQUIRE(missing.ok());
    CHECK(missing.value().empty());
    return digest;
  }
  Digest push_image(const char* name, const std::string& seed, const std::vector<std::string>& tags = {},
                    const Digest* subject = nullptr) {
    return push(name, image(name, seed, subject), tags);
  }

  // Makes everything that is there, or is below a folder, older.
  void age(std::chrono::hours by = 2h) const {
    age(by, "blobs");
    age(by, "repositories");
  }
  void age(std::chrono::hours by, std::string_view below) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.v2(below))) {
      if (entry.is_regular_file()) std::filesystem::last_write_time(entry, entry.last_write_time() - by);
    }
  }
  std::filesystem::path data(const Digest& digest) const {
    return scratch.path() / store::Layout::blob_data(digest).path();
  }
  bool stored(const Digest& digest) const { return std::filesystem::exists(data(digest)); }
  bool linked(const char* name, const Digest& digest) const {
    return std::filesystem::exists(scratch.path() / store::Layout::layer_link(repository(name), digest).path());
  }
  // Whether all of an image by that seed is there. Renews nothing.
  bool whole(const char* name, const Digest& manifest, const std::string& seed) {
    const store::Repository from = store.repository(repository(name));
    return from.peek_manifest(manifest).ok() && stored(manifest) && stored(sha256("layer of " + seed)) &&
           stored(sha256("config of " + seed)) && linked(name, sha256("layer of " + seed));
  }
  CollectionSummary collect() {
    lines.clear();
    auto done = try_collect();
    if (!done.ok()) FAIL(done.error().what);
    return done.value();
  }
  // As another process would.
  Result<CollectionSummary> try_collect() {
    store::Store other(scratch.driver(), observe::ErrorLog());
    return maintenance::collect(other, rules, Report([this](std::string_view line) { lines.emplace_back(line); }),
                                observe::ErrorLog(), {});
  }
};

}  // namespace caisson::registry::maintenance
