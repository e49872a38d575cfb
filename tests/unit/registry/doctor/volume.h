// A volume to be damaged: images as a registry stores them, and the doctor's view of it.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "registry/doctor/examination.h"
#include "registry/manifest/manifest.h"
#include "unit/registry/store/scratch.h"

namespace caisson::registry::doctor {

class Volume {
 public:
  store::Digest push_blob(const std::string& name, const std::string& bytes,
                          store::Algorithm algorithm = store::Algorithm::Sha256) {
    store::Repository to = store_.repository(store::repository(name));
    return store::push_blob(to, bytes, algorithm);
  }

  store::Digest push_manifest(const std::string& name, const std::string& bytes, const std::string& tag = "") {
    const store::Digest digest = store::sha256(bytes);
    std::vector<store::Tag> tags;
    if (!tag.empty()) tags.push_back(store::tag(tag));
    REQUIRE(store_.repository(store::repository(name)).put_manifest(digest, bytes, {}, tags).ok());
    return digest;
  }

  // An image whose layers hold these bytes.
  store::Digest push_image(const std::string& name, const std::vector<std::string>& layers,
                           const std::string& tag = "") {
    const store::Digest config = push_blob(name, "{}");
    std::string bytes = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
                        descriptor(config) + R"(,"layers":[)";
    for (std::size_t i = 0; i < layers.size(); ++i) {
      bytes += (i > 0 ? "," : "") + descriptor(push_blob(name, layers[i]));
    }
    return push_manifest(name, bytes + "]}", tag);
  }

  store::Digest push_index(const std::string& name, const std::vector<store::Digest>& children,
                           const std::string& tag = "") {
    std::string bytes = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)";
    for (std::size_t i = 0; i < children.size(); ++i) bytes += (i > 0 ? "," : "") + descriptor(children[i]);
    return push_manifest(name, bytes + "]}", tag);
  }

  static std::string descriptor(const store::Digest& digest) { return R"({"digest":")" + digest.str() + R"("})"; }

  // Paths below v2/.
  static std::string data(const store::Digest& digest) { return below_v2(store::Layout::blob_data(digest)); }
  static std::string below_v2(const store::Key& key) {
    return key.path().substr(std::string("docker/registry/v2/").size());
  }
  static std::string layer(const std::string& name, const store::Digest& digest) {
    return below_v2(store::Layout::layer_link(store::repository(name), digest));
  }
  static std::string revision(const std::string& name, const store::Digest& digest) {
    return below_v2(store::Layout::revision_link(store::repository(name), digest));
  }
  static std::string tag_link(const std::string& name, const std::string& tag) {
    return below_v2(store::Layout::tag_current_link(store::repository(name), store::tag(tag)));
  }

  void remove(const std::string& path) { REQUIRE(std::filesystem::remove(scratch_.v2(path))); }
  void write(const std::string& path, const std::string& bytes) { scratch_.write(path, bytes); }
  // Makes it an hour old.
  void age(const std::string& path) {
    const auto place = scratch_.v2(path);
    std::filesystem::last_write_time(place, std::filesystem::last_write_time(place) - std::chrono::hours(1));
  }
  void age_tag(const std::string& name, const std::string& tag) {
    age(below_v2(store::Layout::tag(store::repository(name), store::tag(tag))));
  }
  // One byte becomes another.
  void flip(const store::Digest& digest) {
    std::string bytes = scratch_.read(data(digest));
    bytes.at(bytes.size() / 2) ^= 1;
    write(data(digest), bytes);
  }

  Diagnosis examine(ExaminationOptions options = {.threads = 2}) {
    Examination examination(store_, std::move(options));
    auto found = examination.all({}, {});
    REQUIRE(found.ok());
    return std::move(found).value();
  }
  // "content-damaged" and the like, sorted, those that hurt nobody too.
  std::vector<std::string> codes() {
    std::vector<std::string> all;
    for (const auto& [key, finding] : examine().findings) all.push_back(finding.code());
    std::sort(all.begin(), all.end());
    return all;
  }

  store::Scratch& scratch() noexcept { return scratch_; }
  store::Store& store() noexcept { return store_; }

 private:
  store::Scratch scratch_;
  store::Store store_{scratch_.driver(), observe::ErrorLog()};
};

// "a:v1", "a@sha256:..."
inline std::vector<std::string> names(const std::vector<Image>& images) {
  std::vector<std::string> all;
  for (const Image& image : images) {
    all.push_back(image.repository + (image.tag.empty() ? '@' + image.digest->str() : ':' + image.tag));
  }
  std::sort(all.begin(), all.end());
  return all;
}

// What the first image's lines say.
inline std::vector<std::string> sentences(const Diagnosis& diagnosis) {
  std::vector<std::string> all;
  if (diagnosis.images.empty()) return all;
  for (const Image::Problem& problem : diagnosis.images.front().problems) {
    all.push_back(sentence(diagnosis.findings.at(problem.finding), problem.role));
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace caisson::registry::doctor
