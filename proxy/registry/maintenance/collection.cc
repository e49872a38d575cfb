#include "registry/maintenance/collection.h"

#include <algorithm>
#include <utility>

#include "registry/maintenance/bin.h"
#include "registry/maintenance/blob_sweep.h"
#include "registry/maintenance/manifest_sweep.h"
#include "registry/maintenance/marker.h"
#include "registry/store/repositories.h"
#include "registry/store/trash.h"

namespace caisson::registry::maintenance {
namespace {

using std::chrono::milliseconds;

// The storage's clock, by which leases are. REQUIRES: the lock is held.
Result<store::Time> time_of_start(store::Driver& driver) {
  const store::Key lock = store::Layout::collection_lock();
  if (auto touched = driver.renew_lease(lock, milliseconds(0)); !touched.ok()) return std::move(touched).error();
  return driver.changed(lock);
}

class Collection {
 public:
  Collection(store::Store& store, const CollectionRules& rules, const Report& report, const observe::ErrorLog& log,
             std::stop_token stop)
      : store_(store), rules_(rules), report_(report), log_(log), pace_(rules.rate, std::move(stop)) {}

  Result<void> run(store::Time start);
  CollectionSummary summary;

 private:
  Result<void> mark(Marker& marker);
  Result<void> sweep(Marker& marker, store::Time cutoff);
  void would_remove(const store::RepositoryName& repository, const store::Tag& tag) const {
    log_.notice("registry: retention would remove the tag " + repository.str() + ':' + tag.str());
  }

  store::Store& store_;
  const CollectionRules& rules_;
  const Report& report_;
  const observe::ErrorLog& log_;
  Pace pace_;
};

Result<void> Collection::run(store::Time start) {
  auto oldest = store_.oldest_lease();
  // Who cannot even try a lock cannot collect either, but may look.
  if (!oldest.ok() && !rules_.dry_run) return std::move(oldest).error();
  const milliseconds grace = std::max(rules_.grace, oldest.ok() ? 4 * oldest.value() : milliseconds(0));
  const store::Time cutoff = start - grace;
  const MarkRules mark_rules{rules_.delete_untagged, cutoff, grace, rules_.retention};
  Marker marker(store_, mark_rules, report_, pace_);
  if (auto marked = mark(marker); !marked.ok()) return std::move(marked).error().in("failed to mark");
  if (!pace_.stopped()) {
    if (auto swept = sweep(marker, cutoff); !swept.ok()) return swept;
  }
  summary.stopped = pace_.stopped();
  if (rules_.dry_run) return {};
  auto emptied = store::empty_trash(store_.driver(), start - std::max(rules_.keep_trash, grace));
  if (!emptied.ok()) return std::move(emptied).error().in("failed to empty the trash");
  summary.emptied = emptied.value();
  return {};
}

Result<void> Collection::mark(Marker& marker) {
  auto walked = store::each_repository(store_.driver(), [&](const store::RepositoryName& name) -> Result<void> {
    ++summary.repositories;
    auto visited = marker.visit(name);
    return visited.ok() ? std::move(visited) : std::move(visited).error().in(name.str());
  });
  if (!walked.ok()) return walked;
  summary.manifests = marker.manifests();
  summary.marked = marker.marked();
  summary.incomplete = marker.incomplete_repositories();
  if (marker.absent() > 0 && marker.absent() == marker.manifests()) {
    return Error{ErrorCode::Io, "none of " + std::to_string(marker.manifests()) +
                                    " manifests is there: is a disk not mounted? Nothing was taken away"};
  }
  return {};
}

Result<void> Collection::sweep(Marker& marker, store::Time cutoff) {
  Bin bin(store_.driver(), pace_);
  if (!rules_.dry_run) {
    if (auto cleared = bin.clear_away(); !cleared.ok()) return cleared;
  }
  std::size_t untagged = 0;
  for (const Doomed& doomed : marker.doomed()) {
    for (const auto& group : doomed.revisions) untagged += group.size();
    for (const TagState& tag : doomed.tags) {
      if (rules_.dry_run) would_remove(doomed.repository, tag.tag);
    }
  }
  for (const auto& [repository, tag] : marker.spared_tags()) would_remove(repository, tag);
  ManifestSweep manifests(store_, marker, bin, pace_, cutoff, log_);
  if (!rules_.dry_run) {
    for (const Doomed& doomed : marker.doomed()) {
      if (auto swept = manifests.sweep(doomed); !swept.ok()) return std::move(swept).error().in("failed to sweep");
    }
  }
  BlobSweep blobs(store_, marker, bin, pace_, cutoff, report_);
  if (auto found = blobs.find(); !found.ok()) return std::move(found).error().in("failed to look for blobs");
  report_.counted(marker.marked(), blobs.found(), untagged);
  Result<void> swept;
  if (rules_.dry_run) {
    blobs.tell();
  } else if (!pace_.stopped()) {
    swept = blobs.sweep();
  }
  summary.removed_tags = manifests.tags();
  summary.removed_manifests = rules_.dry_run ? untagged : manifests.manifests();
  summary.removed_blobs = blobs.blobs();
  summary.removed_links = blobs.links();
  summary.removed_bytes = blobs.bytes();
  summary.failures = blobs.failures();
  summary.gone_for_good = bin.gone_for_good();
  return swept.ok() ? std::move(swept) : std::move(swept).error().in("failed to sweep");
}

}  // namespace

std::string CollectionSummary::line(bool dry_run) const {
  std::string text =
      "registry: " + std::to_string(marked) + " blobs of " + std::to_string(manifests) + " manifests in " +
      std::to_string(repositories) + " repositories marked, " + std::to_string(removed_blobs) + " blobs (" +
      std::to_string(removed_bytes) + " bytes), " + std::to_string(removed_links) + " links, " +
      std::to_string(removed_manifests) + " manifests and " + std::to_string(removed_tags) + " tags " +
      (dry_run ? "would be moved" : "moved") + " to the trash in " + std::to_string(took.count()) + " ms";
  if (emptied > 0) text += ", the trash of " + std::to_string(emptied) + " earlier collections removed";
  if (incomplete > 0) {
    text += ", everything kept in " + std::to_string(incomplete) + " repositories with manifests that cannot be read";
  }
  if (gone_for_good > 0) {
    text += ", " + std::to_string(gone_for_good) +
            " for good, as the disk was full (\"registry trash empty\" makes more room)";
  }
  if (failures > 0) text += ", " + std::to_string(failures) + " could not be moved";
  if (stopped) text += ", stopped before its end";
  return text;
}

Result<CollectionSummary> collect(store::Store& store, const CollectionRules& rules, const Report& report,
                                  const observe::ErrorLog& log, std::stop_token stop) {
  const auto began = std::chrono::steady_clock::now();
  std::unique_ptr<store::Hold> alone;
  store::Time start = store::Time::clock::now();
  if (!rules.dry_run) {
    auto held = store.driver().try_hold(store::Layout::collection_lock());
    if (!held.ok() && held.error().code == ErrorCode::Conflict) {
      return Error{ErrorCode::Conflict, "another process is collecting garbage"};
    }
    if (!held.ok()) return std::move(held).error();
    alone = std::move(held).value();
    auto time = time_of_start(store.driver());
    if (!time.ok()) return std::move(time).error();
    start = time.value();
  }
  Collection collection(store, rules, report, log, std::move(stop));
  if (auto done = collection.run(start); !done.ok()) return std::move(done).error();
  collection.summary.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  return collection.summary;
}

}  // namespace caisson::registry::maintenance
