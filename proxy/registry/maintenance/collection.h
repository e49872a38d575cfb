// Collecting the garbage of a store, while any number of processes serve it: finds out what is needed, by walking
// through all repositories without a lock, and moves the rest into the trash, in batches of milliseconds. What anybody
// was told of within the grace period stays. A kill at any moment loses nothing; the next collection goes on.
//
// The order in which things are looked at is what makes this right:
//  1. The cutoff is fixed first. Whoever is told later that something is there has a lease that is younger than it.
//  2. Everything that a manifest refers to is marked. What is pushed meanwhile renewed the leases of what it refers to;
//     a manifest whose lease was renewed meanwhile is kept after all, and what it refers to is marked then.
//  3. Manifests go before blobs are looked for. Once one is gone nobody can build upon it without pushing it anew.
//  4. Whatever goes is looked at again under the lock, and once more after it was moved.
//
// Threading: collect() on a thread of its own; one at a time on a store, among all processes, which it sees to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "observe/error_log.h"
#include "registry/maintenance/report.h"
#include "registry/maintenance/retention.h"
#include "registry/store/store.h"

namespace caisson::registry::maintenance {

struct CollectionRules {
  bool dry_run = false;
  bool delete_untagged = false;
  // What was pushed or asked for within this time is kept. Never shorter than what those who serve need, see
  // Store::announce_leases().
  std::chrono::milliseconds grace = std::chrono::hours(1);
  // How long the trash keeps it; at least the grace period.
  std::chrono::milliseconds keep_trash = std::chrono::hours(24);
  std::size_t rate = 0;  // manifests and blobs looked at in a second; 0: as many as there can be
  Retention retention = {};
};

struct CollectionSummary {
  std::size_t repositories = 0;
  std::size_t manifests = 0;  // looked at
  std::size_t marked = 0;     // blobs and manifests that are needed
  std::size_t removed_tags = 0;
  std::size_t removed_manifests = 0;
  std::size_t removed_blobs = 0;
  std::size_t removed_links = 0;  // of blobs in repositories
  std::uint64_t removed_bytes = 0;
  std::size_t emptied = 0;        // earlier collections whose trash is gone for good now
  std::size_t incomplete = 0;     // repositories that keep everything, as something in them cannot be read
  std::size_t failures = 0;       // what could not be moved
  std::size_t gone_for_good = 0;  // what found no room in the trash
  std::chrono::milliseconds took{0};
  bool stopped = false;

  // One line for the log.
  std::string line(bool dry_run) const;
};

// Errors: Conflict when another process collects, or brings things back; Io when a folder cannot be listed or no
// manifest that is linked is there: then nothing is taken away. With a dry run nothing is written at all.
Result<CollectionSummary> collect(store::Store& store, const CollectionRules& rules, const Report& report,
                                  const observe::ErrorLog& log, std::stop_token stop);

}  // namespace caisson::registry::maintenance
