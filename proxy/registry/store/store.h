// A registry's storage: repositories with blobs, manifests, tags and uploads, in registry:2's layout. It knows names,
// digests and links, but neither HTTP nor what a manifest says.
//
// Ownership: owns its driver; outlives every Repository and Upload made from it.
// Threading: any number of threads and, on one root, processes. Every call may block: BlockingPool.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "observe/error_log.h"
#include "registry/store/driver.h"
#include "registry/store/name.h"
#include "registry/store/repository.h"
#include "registry/store/tag_lists.h"
#include "registry/store/upload.h"

namespace caisson::registry::store {

class Store {
 public:
  Store(std::unique_ptr<Driver> driver, observe::ErrorLog log) : driver_(std::move(driver)), log_(std::move(log)) {}

  Repository repository(RepositoryName name) { return {*this, std::move(name)}; }

  // Repositories behind `after` ("" for all), at most `limit`, in the order of compare_components.
  Result<Page> catalog(std::string_view after, std::size_t limit) const;

  // Removes uploads that began before `before` and that nobody has open, in all repositories, until told to stop; a
  // dry run only counts. How many. What cannot be removed is reported, and stays.
  Result<std::size_t> purge_uploads(std::chrono::system_clock::time_point before, bool dry_run,
                                    const std::stop_token& stop);

  // The first repository in the order of the catalog that has the blob; NotFound when none has.
  Result<RepositoryName> repository_with(const Digest& blob);

  // For Repository and Upload:

  Driver& driver() noexcept { return *driver_; }
  const Driver& driver() const noexcept { return *driver_; }
  ParkedUploads& parked() noexcept { return parked_; }
  TagLists& tag_lists() noexcept { return tag_lists_; }

  // NotFound for an absent link, and for one that is empty or holds no digest, as a power cut leaves them behind
  // registry:2: that is reported, once.
  Result<Digest> read_link(const Key& link) const;
  Result<void> write_link(const Key& link, const Digest& target);

  // Before anybody is told that this content is there. NotFound when it is not.
  Result<void> renew_lease(const Digest& target) const;

  // Logs a fault of the stored data under this key, the first time that it is met.
  void report_once(const Key& key, std::string_view fault) const;

 private:
  const std::unique_ptr<Driver> driver_;
  const observe::ErrorLog log_;
  ParkedUploads parked_;
  TagLists tag_lists_;
  mutable std::mutex reported_mutex_;
  mutable std::unordered_set<std::string> reported_;
};

}  // namespace caisson::registry::store
