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
#include <optional>
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

// A link as it is, for those who look after the store.
struct LinkLook {
  enum class State : std::uint8_t { Good, Absent, Empty, Malformed, Unreadable };
  State state = State::Absent;
  std::optional<Digest> target;  // of a good one
  std::string bytes;             // what stands in it, unless it is far too long
  Error problem;                 // why it cannot be read
};

class Store {
 public:
  // A lease older than `lease_age` is renewed before anybody is told that something is there. Collection's grace period
  // is never shorter than four times that of any process which serves (announce_leases()).
  Store(std::unique_ptr<Driver> driver, observe::ErrorLog log,
        std::chrono::milliseconds lease_age = std::chrono::minutes(15))
      : driver_(std::move(driver)), log_(std::move(log)), lease_age_(lease_age) {}

  // Tells collection, in whichever process, how old leases may become here, as long as this store lives. Whoever serves
  // does so first. Without success where the storage cannot be written, where nothing is collected either.
  void announce_leases();
  // How old the leases of those who serve may become at most; 0: nobody serves.
  Result<std::chrono::milliseconds> oldest_lease() const;

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
  // The same without a word, and with what is wrong.
  LinkLook look_at_link(const Key& link) const;

  // Where a link leads to, before anybody is told that this is there: its lease is renewed, and when collection has
  // just taken it away although the link still stands it is brought back. NotFound when it is not there.
  // Bringing back takes a share of the content lock; who has one already says so by `content`.
  Result<Digest> leased_target(const Key& link, const Hold* content = nullptr) const;
  // The same, for whoever has just found out that it is not at its place.
  Result<Digest> rescued_target(const Key& link, const Hold* content = nullptr) const;
  // Brings the blob and its link in that repository back from the trash. Whether it did.
  bool bring_back_layer(const RepositoryName& repository, const Digest& blob, const Hold& content) const;

  // Logs a fault of the stored data under this key, the first time that it is met.
  void report_once(const Key& key, std::string_view fault) const;

 private:
  Result<void> renew_lease(const Digest& target) const;

  const std::unique_ptr<Driver> driver_;
  const observe::ErrorLog log_;
  const std::chrono::milliseconds lease_age_;
  std::unique_ptr<Hold> announced_;  // before the driver goes
  ParkedUploads parked_;
  TagLists tag_lists_;
  mutable std::mutex reported_mutex_;
  mutable std::unordered_set<std::string> reported_;
};

}  // namespace caisson::registry::store
