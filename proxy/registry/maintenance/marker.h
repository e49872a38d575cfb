// Finds out what a store still needs, repository by repository, and what of each may go. It takes no lock and changes
// nothing; what comes to be needed while it walks shows by its lease.
//
// Ownership: refers to its store and to what it is made with. Threading: one thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "registry/maintenance/pace.h"
#include "registry/maintenance/packed_digest.h"
#include "registry/maintenance/report.h"
#include "registry/maintenance/repository_graph.h"
#include "registry/maintenance/retention.h"
#include "registry/store/store.h"

namespace caisson::registry::maintenance {

struct MarkRules {
  bool delete_untagged = false;
  // What was used since then is kept, whatever else says. And what was pushed so long before an upload that is under
  // way in the same repository: it may be waiting for the rest of its image.
  store::Time cutoff;
  std::chrono::milliseconds grace;
  Retention retention = {};
};

// What may go from a repository.
struct Doomed {
  store::RepositoryName repository;
  std::vector<TagState> tags;
  std::vector<std::vector<PackedDigest>> revisions;  // in groups that go together
};

class Marker {
 public:
  Marker(store::Store& store, const MarkRules& rules, const Report& report, Pace& pace)
      : store_(store), rules_(rules), report_(report), pace_(pace) {}

  // Errors: a folder that cannot be listed. Nothing may be taken away then, from no repository.
  Result<void> visit(const store::RepositoryName& name);

  // Keeps these revisions after all, and what they refer to.
  Result<void> keep(const store::RepositoryName& repository, const std::vector<PackedDigest>& revisions);

  bool needs(const PackedDigest& content) const { return needed_.contains(content) || spared_.contains(content); }
  std::size_t marked() const noexcept { return needed_.size(); }
  std::size_t manifests() const noexcept { return manifests_; }
  const std::vector<Doomed>& doomed() const noexcept { return doomed_; }
  // What retention would take away where it is only asked.
  const std::vector<std::pair<store::RepositoryName, store::Tag>>& spared_tags() const noexcept { return spared_tags_; }
  // Manifests that are linked but not there, and those that could not be read.
  std::size_t absent() const noexcept { return absent_; }
  std::size_t incomplete_repositories() const noexcept { return incomplete_; }

 private:
  Result<std::vector<TagState>> tags_of(const store::Repository& repository, bool& complete) const;
  std::vector<std::size_t> roots(const RepositoryGraph& graph, const std::vector<TagState>& tags) const;
  std::vector<bool> choose_tags(const store::RepositoryName& name, const RepositoryGraph& graph,
                                std::vector<TagState>& tags, Doomed& doomed);
  void mark(const store::RepositoryName& repository, const RepositoryGraph& graph, const std::vector<bool>& kept);
  void mark_content(const store::RepositoryName& repository, const PackedDigest& digest);
  Result<void> spare_links(const store::RepositoryName& repository, store::Time since);
  Result<void> spare_what_uploads_wait_for(const store::RepositoryName& repository);

  store::Store& store_;
  const MarkRules& rules_;
  const Report& report_;
  Pace& pace_;
  DigestSet needed_;
  DigestSet spared_;  // not needed, as far as is known
  std::vector<Doomed> doomed_;
  std::vector<std::pair<store::RepositoryName, store::Tag>> spared_tags_;
  std::size_t manifests_ = 0;
  std::size_t absent_ = 0;
  std::size_t incomplete_ = 0;
};

}  // namespace caisson::registry::maintenance
