// Throws away what a Marker found that a repository may lose: tags by retention, and untagged manifests. What somebody
// used meanwhile is kept, and the marker is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "base/result.h"
#include "observe/error_log.h"
#include "registry/maintenance/bin.h"
#include "registry/maintenance/marker.h"

namespace caisson::registry::maintenance {

class ManifestSweep {
 public:
  // All of them outlive it.
  ManifestSweep(store::Store& store, Marker& marker, Bin& bin, Pace& pace, store::Time cutoff,
                const observe::ErrorLog& log)
      : store_(store), marker_(marker), bin_(bin), pace_(pace), cutoff_(cutoff), log_(log) {}

  Result<void> sweep(const Doomed& doomed);

  std::size_t tags() const noexcept { return tags_; }
  std::size_t manifests() const noexcept { return manifests_; }

 private:
  using Group = std::vector<PackedDigest>;

  Result<void> sweep_tag(const store::RepositoryName& repository, const TagState& tag);
  // Where the tags' histories name one of these.
  Result<std::vector<std::pair<PackedDigest, store::Key>>> entries_of(const Doomed& doomed) const;
  // Whether it went.
  Result<bool> sweep_group(const store::RepositoryName& repository, const Group& group,
                           const std::vector<std::pair<PackedDigest, store::Key>>& entries);
  Result<bool> is_used(const store::RepositoryName& repository, const Group& group) const;

  store::Store& store_;
  Marker& marker_;
  Bin& bin_;
  Pace& pace_;
  const store::Time cutoff_;
  const observe::ErrorLog& log_;
  std::size_t tags_ = 0;
  std::size_t manifests_ = 0;
};

}  // namespace caisson::registry::maintenance
