// What the manifests of one repository refer to, read from disk without any lock.
//
// Ownership: a value. Threading: one thread. Memory: some hundred bytes for each manifest and 65 for each reference, of
// one repository at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "registry/maintenance/pace.h"
#include "registry/maintenance/packed_digest.h"
#include "registry/store/store.h"

namespace caisson::registry::maintenance {

class RepositoryGraph {
 public:
  struct Revision {
    PackedDigest name;    // the folder of its link
    PackedDigest target;  // where its content is
    // When it was linked, or somebody was last told that it is there.
    store::Time used;
    bool present = true;  // its content is there
    std::size_t first_reference = 0;
    std::size_t references = 0;
    std::optional<PackedDigest> subject = {};
  };

  // Reads all manifests that the repository links. A link that holds no digest counts as what its folder is called, so
  // that nothing is lost before somebody mends it. Stops early, with what it has, when told to.
  static Result<RepositoryGraph> read(store::Store& store, const store::Repository& repository, Pace& pace);

  // Sorted by name.
  const std::vector<Revision>& revisions() const noexcept { return revisions_; }
  // All that it needs to be pulled, manifests and blobs, also those that may be kept elsewhere.
  std::span<const PackedDigest> references(const Revision& revision) const noexcept {
    return std::span(references_).subspan(revision.first_reference, revision.references);
  }
  std::optional<std::size_t> find(const PackedDigest& name) const;

  // Some manifest is stored but cannot be read or understood, so what it refers to is not known.
  bool incomplete() const noexcept { return incomplete_; }

  // Which of them are kept when those in `roots` are: what they list, transitively, and what refers to one of those as
  // its subject. One entry for each revision.
  std::vector<bool> closure(const std::vector<std::size_t>& roots) const;
  // The others in groups: whatever lists or is about another one is in its group.
  std::vector<std::vector<std::size_t>> groups_without(const std::vector<bool>& kept) const;

 private:
  Result<void> add(store::Store& store, const store::Repository& repository, const store::Digest& name);
  void learn(const store::Digest& target, std::string_view bytes, Revision& revision);
  // Calls visit(from, to) for everything that a revision lists or is about, as far as it is here.
  template <class Visit>
  void each_edge(Visit visit) const;

  std::vector<Revision> revisions_;
  std::vector<PackedDigest> references_;
  bool incomplete_ = false;
};

}  // namespace caisson::registry::maintenance
