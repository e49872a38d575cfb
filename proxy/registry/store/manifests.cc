// The manifests of a repository.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "registry/store/repository.h"
#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// Absence is an answer here, everything else an error.
template <class T>
Result<bool> found(const Result<T>& result) {
  if (result.ok()) return true;
  if (result.error().code == ErrorCode::NotFound) return false;
  return result.error();
}

Result<std::string> manifest_data(const Store& store, const Digest& target) {
  const Key key = Layout::blob_data(target);
  auto bytes = store.driver().get(key, kLargestManifest);
  if (bytes.ok() && bytes.value().empty()) {
    store.report_once(key, "is an empty manifest, treated as absent");
    return Error{ErrorCode::NotFound, "empty manifest " + target.str()};
  }
  return bytes;
}

}  // namespace

Revisions::Revisions() {
  static const Names none = std::make_shared<const std::vector<std::string>>();
  sha256 = none;
  sha512 = none;
}

Result<std::string> Repository::manifest(const Digest& digest) const {
  auto target = store_->leased_target(Layout::revision_link(name_, digest));
  if (!target.ok()) return std::move(target).error();
  return manifest_data(*store_, target.value());
}

Result<std::string> Repository::peek_manifest(const Digest& digest) const {
  const Key link = Layout::revision_link(name_, digest);
  auto target = store_->read_link(link);
  if (!target.ok()) return std::move(target).error();
  auto bytes = manifest_data(*store_, target.value());
  if (bytes.ok() || bytes.error().code != ErrorCode::NotFound) return bytes;
  target = store_->rescued_target(link);
  return target.ok() ? manifest_data(*store_, target.value()) : std::move(target).error();
}

Result<std::string> Repository::content_of_manifest(const Digest& digest) const {
  auto bytes = manifest_data(*store_, digest);
  // Only where a link says so is the content elsewhere.
  return !bytes.ok() && bytes.error().code == ErrorCode::NotFound ? peek_manifest(digest) : bytes;
}

Result<bool> Repository::lists_manifest(const Digest& digest) const {
  return found(store_->read_link(Layout::revision_link(name_, digest)));
}

Result<Revisions> Repository::revisions() const {
  Revisions all;
  for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    auto names = store_->driver().folders(Layout::revisions(name_, algorithm));
    if (!names.ok() && names.error().code != ErrorCode::NotFound) return std::move(names).error();
    if (names.ok()) all.of(algorithm) = std::move(names).value();
  }
  return all;
}

Result<bool> Repository::has_blob(const Digest& digest, const Hold& content) const {
  return found(size_of_blob(digest, &content));
}

Result<bool> Repository::has_manifest(const Digest& digest, const Hold& content) const {
  auto target = store_->leased_target(Layout::revision_link(name_, digest), &content);
  if (!target.ok()) return found(target);
  auto size = store_->driver().size(Layout::blob_data(target.value()));
  if (size.ok()) return size.value() > 0;
  return found(size);
}

Result<std::vector<Digest>> Repository::missing(const References& references, const Hold& content) const {
  using Has = Result<bool> (Repository::*)(const Digest&, const Hold&) const;
  std::vector<Digest> absent;
  const auto check = [&](const std::vector<Digest>& digests, Has has) {
    for (const Digest& digest : digests) {
      auto present = (this->*has)(digest, content);
      if (!present.ok()) return Result<void>(std::move(present).error());
      if (!present.value() && std::find(absent.begin(), absent.end(), digest) == absent.end()) {
        absent.push_back(digest);
      }
    }
    return Result<void>();
  };
  if (auto done = check(references.blobs, &Repository::has_blob); !done.ok()) return std::move(done).error();
  // Collection may have taken away what this manifest comes for, after a push that took very long.
  std::erase_if(absent, [&](const Digest& digest) { return store_->bring_back_layer(name_, digest, content); });
  if (auto done = check(references.manifests, &Repository::has_manifest); !done.ok()) return std::move(done).error();
  return absent;
}

// Content before links, links before tags: a crash in between leaves garbage, never a tag without its manifest.
Result<std::vector<Digest>> Repository::put_manifest(const Digest& digest, std::string_view bytes,
                                                     const References& references, const std::vector<Tag>& tags) {
  // What is found from here on stays until it is linked, also while collection runs.
  auto content = store_->driver().hold(Layout::content_lock(), Sharing::Shared);
  if (!content.ok()) return std::move(content).error();
  auto absent = missing(references, *content.value());
  if (!absent.ok() || !absent.value().empty()) return absent;
  if (auto put = store_->driver().put(Layout::blob_data(digest), bytes); !put.ok()) return std::move(put).error();
  auto held = store_->driver().hold(Layout::tags_lock(name_), Sharing::Shared);
  if (!held.ok()) return std::move(held).error();
  if (auto put = store_->write_link(Layout::revision_link(name_, digest), digest); !put.ok()) {
    return std::move(put).error();
  }
  for (const Tag& tag : tags) {
    auto put = store_->write_link(Layout::tag_index_link(name_, tag, digest), digest);
    if (put.ok()) put = store_->write_link(Layout::tag_current_link(name_, tag), digest);
    if (!put.ok()) return std::move(put).error();
  }
  return absent;
}

// Tags before the manifest: a crash in between leaves a manifest with fewer tags, never a tag without its manifest.
Result<void> Repository::delete_manifest(const Digest& digest) {
  // Between looking at a tag and removing it nobody may point it at something else.
  auto held = store_->driver().hold(Layout::tags_lock(name_), Sharing::Alone);
  if (!held.ok()) return std::move(held).error();
  if (auto target = store_->read_link(Layout::revision_link(name_, digest)); !target.ok()) {
    return std::move(target).error();
  }
  auto tags = tags_of(digest);
  if (!tags.ok()) return std::move(tags).error();
  // All at once: an image may have thousands of tags, and each sync costs what a disk's flush costs.
  std::vector<Key> folders;
  for (const Tag& tag : tags.value()) folders.push_back(Layout::tag(name_, tag));
  if (auto removed = store_->driver().remove(folders); !removed.ok()) return removed;
  const std::array revision{Layout::revision(name_, digest)};
  return store_->driver().remove(revision);
}

}  // namespace caisson::registry::store
