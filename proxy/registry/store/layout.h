// Where things lie: registry:2's disk layout, exactly (registry contract, section 11). A Key is a path relative to the
// store's root; only the functions here make one, and only from parsed names, so no key leaves the root.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "registry/store/digest.h"
#include "registry/store/name.h"

namespace caisson::registry::store {

class Key {
 public:
  const std::string& path() const noexcept { return path_; }
  bool operator==(const Key&) const = default;

 private:
  friend struct Layout;
  explicit Key(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

struct Layout {
  // The folder of everything.
  static Key base();
  static Key blobs();
  static Key blobs(Algorithm algorithm);
  // Those whose hexadecimal digits begin with these two. REQUIRES: they are two such digits.
  static Key blobs(Algorithm algorithm, std::string_view first_two);
  // Content: layers, configurations and manifests. Each is in a folder of its own.
  static Key blob(const Digest& digest);
  static Key blob_data(const Digest& digest);

  // Locks: files of ours in places where registry:2 does not look. (In the folder of a repository itself it would: its
  // catalog ends at a file whose name begins with "_".)
  // Who links content shares this, collection has it alone: what the one found, the other does not take away.
  static Key content_lock();
  // Who links a manifest and points a tag at it shares this, who deletes them has it alone: neither finds the other's
  // work half done, and a tag that was moved meanwhile stays.
  static Key tags_lock(const RepositoryName& name);

  // A folder of ours for what was removed and is still to be taken apart.
  static Key removed();

  // Who collects garbage, or gives it back, has this lock alone. Its time is when somebody began to.
  static Key collection_lock();
  // What collection took away: below a folder of its own for each time, laid out as it was.
  static Key trash();
  static Key trash(const TrashName& time);
  static Key in_trash(const TrashName& time, const Key& place);
  // Where things wait to be removed for good that found no room in the trash, in the one folder that is sure to be
  // there: any text makes a name.
  static Key aside(std::string_view text);
  // The key of a folder in base() by its name, when it is such a thing.
  static std::optional<Key> find_aside(std::string_view name);
  // Where the thing at `key`, which is inside of `from`, is when that was moved to `to`.
  static Key moved(const Key& key, const Key& from, const Key& to);
  // How old a lease may become before a process renews it, by the locks that the processes share: a folder each.
  static Key lease_ages();
  static Key lease_age(std::chrono::milliseconds age);

  // Where content is kept that is not what its digest says, out of everybody's way: a folder for each time.
  static Key damaged();
  static Key damaged(const TrashName& time, const Key& place);

  // registry:2 as a pull-through cache keeps its schedule here, above everything else.
  static Key cache_schedule();

  // The folder that all repositories are below.
  static Key repositories();
  static Key repository(const RepositoryName& name);

  // Links: small files that hold a digest. What a link says decides, not the name of its folder.
  // Each in a folder of its own.
  static Key layers(const RepositoryName& name, Algorithm algorithm);
  static Key layer(const RepositoryName& name, const Digest& digest);
  static Key layer_link(const RepositoryName& name, const Digest& digest);
  static Key revision(const RepositoryName& name, const Digest& digest);
  static Key revision_link(const RepositoryName& name, const Digest& digest);
  static Key revisions(const RepositoryName& name, Algorithm algorithm);
  static Key tag_current_link(const RepositoryName& name, const Tag& tag);
  // Every digest that the tag ever had, and one of them.
  static Key tag_index(const RepositoryName& name, const Tag& tag, Algorithm algorithm);
  static Key tag_index(const RepositoryName& name, const Tag& tag, const Digest& digest);
  static Key tag_index_link(const RepositoryName& name, const Tag& tag, const Digest& digest);

  static Key tags(const RepositoryName& name);
  static Key tag(const RepositoryName& name, const Tag& tag);

  // The folder of all uploads, an upload's folder, and the bytes that it has so far.
  static Key uploads(const RepositoryName& name);
  static Key upload(const RepositoryName& name, const UploadId& id);
  static Key upload_data(const RepositoryName& name, const UploadId& id);
};

// Folders of a repository. The first two say that it is one: blobs are linked below the one, manifests below the other.
inline constexpr std::string_view kLayersFolder = "_layers";
inline constexpr std::string_view kManifestsFolder = "_manifests";
inline constexpr std::string_view kUploadsFolder = "_uploads";

}  // namespace caisson::registry::store
