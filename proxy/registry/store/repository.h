// One repository of a Store: what a client may see and do under its name.
//
// Ownership: a value that refers to its Store. Threading: any; every call may block (BlockingPool).
// Errors:    NotFound when the thing asked for is not in this repository, also if another repository has it; NoSpace,
//            ReadOnly, Io from the storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "registry/store/digest.h"
#include "registry/store/driver.h"
#include "registry/store/name.h"
#include "registry/store/upload.h"

namespace caisson::registry::store {

class Store;

// A manifest of more bytes is neither taken nor served.
inline constexpr std::size_t kLargestManifest = 4U << 20;

// A part of a sorted listing, and whether there is more behind it.
struct Page {
  std::vector<std::string> names;
  bool more = false;
};

// What a manifest refers to and must find in its repository.
struct References {
  std::vector<Digest> blobs;
  std::vector<Digest> manifests;
};

// The manifests that a repository has or had, by the part of their digests behind the colon. Names is as the driver
// gives it: the same object is a sign that nothing came or went.
struct Revisions {
  Revisions();
  Names sha256;
  Names sha512;

  Names& of(Algorithm algorithm) noexcept { return algorithm == Algorithm::Sha256 ? sha256 : sha512; }
  bool operator==(const Revisions&) const = default;
};

class Repository {
 public:
  Repository(Store& store, RepositoryName name) : store_(&store), name_(std::move(name)) {}
  const RepositoryName& name() const noexcept { return name_; }

  // Blobs. Whoever was told a size may rely on the blob for a while: collection spares it.
  Result<std::uint64_t> blob_size(const Digest& digest) const;
  Result<std::unique_ptr<Content>> open_blob(const Digest& digest) const;
  // Makes a blob of `from` visible here too; no data moves.
  Result<void> mount_blob(const Digest& digest, const RepositoryName& from);
  // Takes it out of this repository; the data stays for whoever else has it, and for garbage collection.
  Result<void> delete_blob(const Digest& digest);

  // Uploads. Resuming one ends the request that had it before (its next append() gets Conflict).
  Result<Upload> begin_upload(Algorithm algorithm);
  Result<Upload> resume_upload(const UploadId& id);
  // Removes it and its bytes; ends the request that had it.
  Result<void> cancel_upload(const UploadId& id);
  // Its bytes so far, without disturbing whoever writes them.
  Result<std::uint64_t> upload_size(const UploadId& id) const;

  // Manifests.
  Result<Digest> tagged(const Tag& tag) const;
  Result<std::string> manifest(const Digest& digest) const;
  // The same without a word to collection: for looking through all of them.
  Result<std::string> peek_manifest(const Digest& digest) const;
  // The same, also while the repository does not have it, if it is still stored.
  Result<std::string> content_of_manifest(const Digest& digest) const;
  // Whether the repository has it; without a look at its content.
  Result<bool> lists_manifest(const Digest& digest) const;
  // All that there may be; some of them may be gone, which lists_manifest() tells.
  Result<Revisions> revisions() const;
  // Stores the manifest, then points the tags at it. Returns what it refers to and the repository lacks: when that is
  // not empty, nothing was stored. REQUIRES: `digest` is that of `bytes`.
  Result<std::vector<Digest>> put_manifest(const Digest& digest, std::string_view bytes, const References& references,
                                           const std::vector<Tag>& tags);
  // Also removes the tags that point at it.
  Result<void> delete_manifest(const Digest& digest);
  Result<void> delete_tag(const Tag& tag);

  // Tags behind `after` ("" for all), at most `limit`, sorted bytewise. NotFound when there is no such repository.
  Result<Page> tags(std::string_view after, std::size_t limit) const;

 private:
  Result<Digest> blob_target(const Digest& digest) const;
  Result<std::uint64_t> size_of_blob(const Digest& digest, const Hold* content) const;
  // While the content lock is shared:
  Result<bool> has_blob(const Digest& digest, const Hold& content) const;
  Result<bool> has_manifest(const Digest& digest, const Hold& content) const;
  Result<std::vector<Digest>> missing(const References& references, const Hold& content) const;
  // The tags that point at it now.
  Result<std::vector<Tag>> tags_of(const Digest& digest) const;

  Store* store_;
  RepositoryName name_;
};

}  // namespace caisson::registry::store
