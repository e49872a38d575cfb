#include "registry/store/layout.h"

#include <initializer_list>

namespace caisson::registry::store {
namespace {

constexpr std::string_view kBase = "docker/registry/v2";
constexpr std::string_view kAside = "_aside-";

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string path(kBase);
  for (const std::string_view part : parts) {
    path += '/';
    path += part;
  }
  return path;
}

}  // namespace

Key Layout::base() { return Key(std::string(kBase)); }

Key Layout::blobs() { return Key(joined({"blobs"})); }

Key Layout::blobs(Algorithm algorithm) { return Key(joined({"blobs", to_string(algorithm)})); }

Key Layout::blobs(Algorithm algorithm, std::string_view first_two) {
  return Key(joined({"blobs", to_string(algorithm), first_two}));
}

Key Layout::blob(const Digest& digest) {
  return Key(joined({"blobs", to_string(digest.algorithm()), digest.hex().substr(0, 2), digest.hex()}));
}

Key Layout::blob_data(const Digest& digest) { return Key(blob(digest).path() + "/data"); }

Key Layout::content_lock() { return Key(joined({"_lock"})); }

Key Layout::tags_lock(const RepositoryName& name) {
  return Key(joined({"repositories", name.str(), kManifestsFolder, "lock"}));
}

Key Layout::removed() { return Key(joined({"_removed"})); }

Key Layout::collection_lock() { return Key(joined({"_collection"})); }

Key Layout::trash() { return Key(joined({"_trash"})); }

Key Layout::trash(const TrashName& time) { return Key(joined({"_trash", time.str()})); }

Key Layout::in_trash(const TrashName& time, const Key& place) {
  return Key(trash(time).path() + place.path().substr(kBase.size()));
}

Key Layout::aside(std::string_view text) { return Key(joined({std::string(kAside).append(text)})); }

std::optional<Key> Layout::find_aside(std::string_view name) {
  if (!name.starts_with(kAside)) return std::nullopt;
  return Key(joined({name}));
}

Key Layout::moved(const Key& key, const Key& from, const Key& to) {
  return Key(to.path() + key.path().substr(from.path().size()));
}

Key Layout::damaged() { return Key(joined({"_damaged"})); }

Key Layout::damaged(const TrashName& time, const Key& place) {
  return Key(damaged().path() + '/' + time.str() + place.path().substr(kBase.size()));
}

Key Layout::cache_schedule() { return Key("scheduler-state.json"); }

Key Layout::lease_ages() { return Key(joined({"_leases"})); }

Key Layout::lease_age(std::chrono::milliseconds age) {
  return Key(joined({"_leases", std::to_string(age.count()), "lock"}));
}

Key Layout::repositories() { return Key(joined({"repositories"})); }

Key Layout::repository(const RepositoryName& name) { return Key(joined({"repositories", name.str()})); }

Key Layout::layers(const RepositoryName& name, Algorithm algorithm) {
  return Key(joined({"repositories", name.str(), kLayersFolder, to_string(algorithm)}));
}

Key Layout::layer(const RepositoryName& name, const Digest& digest) {
  return Key(joined({"repositories", name.str(), kLayersFolder, to_string(digest.algorithm()), digest.hex()}));
}

Key Layout::layer_link(const RepositoryName& name, const Digest& digest) {
  return Key(layer(name, digest).path() + "/link");
}

Key Layout::revision(const RepositoryName& name, const Digest& digest) {
  return Key(
      joined({"repositories", name.str(), kManifestsFolder, "revisions", to_string(digest.algorithm()), digest.hex()}));
}

Key Layout::revision_link(const RepositoryName& name, const Digest& digest) {
  return Key(revision(name, digest).path() + "/link");
}

Key Layout::revisions(const RepositoryName& name, Algorithm algorithm) {
  return Key(joined({"repositories", name.str(), kManifestsFolder, "revisions", to_string(algorithm)}));
}

Key Layout::tag_current_link(const RepositoryName& name, const Tag& tag) {
  return Key(joined({"repositories", name.str(), kManifestsFolder, "tags", tag.str(), "current", "link"}));
}

Key Layout::tag_index(const RepositoryName& name, const Tag& tag, Algorithm algorithm) {
  return Key(Layout::tag(name, tag).path() + "/index/" + std::string(to_string(algorithm)));
}

Key Layout::tag_index(const RepositoryName& name, const Tag& tag, const Digest& digest) {
  return Key(tag_index(name, tag, digest.algorithm()).path() + '/' + std::string(digest.hex()));
}

Key Layout::tag_index_link(const RepositoryName& name, const Tag& tag, const Digest& digest) {
  return Key(tag_index(name, tag, digest).path() + "/link");
}

Key Layout::tags(const RepositoryName& name) {
  return Key(joined({"repositories", name.str(), kManifestsFolder, "tags"}));
}

Key Layout::tag(const RepositoryName& name, const Tag& tag) {
  return Key(joined({"repositories", name.str(), kManifestsFolder, "tags", tag.str()}));
}

Key Layout::uploads(const RepositoryName& name) { return Key(joined({"repositories", name.str(), kUploadsFolder})); }

Key Layout::upload(const RepositoryName& name, const UploadId& id) {
  return Key(joined({"repositories", name.str(), kUploadsFolder, id.str()}));
}

Key Layout::upload_data(const RepositoryName& name, const UploadId& id) {
  return Key(joined({"repositories", name.str(), kUploadsFolder, id.str(), "data"}));
}

}  // namespace caisson::registry::store
