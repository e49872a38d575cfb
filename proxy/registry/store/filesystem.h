// The store in a folder of a file system, laid out as registry:2 lays it out. Any number of processes may use one
// folder at once. New files appear under their name only when they are whole and on disk (write beside, fsync, rename,
// fsync the folders), so any moment may be the last one of the process or of the machine.
//
// Ownership: holds the root folder open for life. Threading, errors: as store::Driver says.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/handle.h"
#include "registry/store/driver.h"
#include "registry/store/folders.h"
#include "registry/store/listings.h"
#include "registry/store/sweeper.h"

namespace caisson::registry::store {

class FilesystemDriver final : public Driver {
 public:
  // Opens `root`, which must exist. NotFound when it does not.
  static Result<std::unique_ptr<FilesystemDriver>> open_root(const std::string& root);

  // Makes the folder, and what is missing above it, durably. Success when it is there.
  static Result<void> make_root(const std::string& root);

  // Whether this process can write where uploads and pushes begin: makes and removes a file in the root and in those
  // folders of the layout that are there already.
  Result<void> probe_writable() const;

  // Returns when the room is given back that remove() took, for a process that ends afterwards.
  void finish_removals() { sweeper_.finish(); }

  Result<std::string> get(const Key& key, std::size_t limit) const override;
  Result<void> put(const Key& key, std::string_view bytes) override;
  Result<bool> remove_if(const Key& key, std::string_view bytes) override;
  Result<void> remove(std::span<const Key> folders) override;
  Result<Names> folders(const Key& folder) const override;
  Result<Rights> rights(const Key& key) const override;
  Result<std::uint64_t> size(const Key& key) const override;
  Result<std::unique_ptr<Content>> open(const Key& key) const override;
  Result<void> renew_lease(const Key& key, std::chrono::milliseconds age) override;
  Result<Time> changed(const Key& key) const override;
  Result<void> move(const Key& from, const Key& to) override;
  Result<void> settle(std::span<const Key> places) override;
  Result<std::unique_ptr<Hold>> hold(const Key& lock, Sharing sharing) override;
  Result<std::unique_ptr<Hold>> try_hold(const Key& lock) override;
  Result<std::unique_ptr<Draft>> create_draft(const Key& folder) override;
  Result<std::unique_ptr<Draft>> open_draft(const Key& folder) override;
  Result<DraftStatus> draft_status(const Key& folder) const override;
  Result<bool> discard_idle_draft(const Key& folder) override;

 private:
  explicit FilesystemDriver(Fd root)
      : root_(std::move(root)), folders_(root_), listings_(root_), sweeper_(root_, folders_) {}

  const Fd root_;
  Folders folders_;
  mutable Listings listings_;
  // Cleared for good when the file system turns out not to support RWF_NOWAIT (overlay, tmpfs).
  mutable std::atomic<bool> can_read_cached_{true};
  Sweeper sweeper_;
};

}  // namespace caisson::registry::store
