// An upload's folder on a file system: `startedat` and `data` as registry:2 has them, and beside them `lock`, a file of
// ours with the token of the newest opening (draft_note.h). Whoever writes takes the lock for the length of that one
// write and looks at the token first; so the newest opening never waits for a client, only for a write in progress.
// Whoever has the draft open shares a lock of `data` as well, for as long as that: so purging sees that it is in use.
//
// Ownership: holds its files open; refers to the driver's root and folders. Threading, errors: as store::Draft says.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/handle.h"
#include "registry/store/driver.h"
#include "registry/store/files.h"
#include "registry/store/folders.h"

namespace caisson::registry::store {

class FilesystemDraft final : public Draft {
 public:
  static Result<std::unique_ptr<Draft>> create(const Fd& root, Folders& folders, const std::string& folder);
  // NotFound when there is no such draft, or when it was published or discarded while this waited for its lock.
  static Result<std::unique_ptr<Draft>> open(const Fd& root, Folders& folders, const std::string& folder);

  static Result<DraftStatus> status(const Fd& root, const std::string& folder);
  static Result<bool> discard_idle(const Fd& root, const std::string& folder);

  std::uint64_t size() const noexcept override { return size_; }
  const DraftToken& token() const noexcept override { return token_; }
  const DraftToken& previous_token() const noexcept override { return previous_token_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override;
  Result<void> append(std::span<const std::byte> bytes) override;
  Result<void> settle() override;
  Result<void> truncate(std::uint64_t size) override;
  Result<void> publish(const Key& key) override;
  Result<void> discard() override;

 private:
  FilesystemDraft(const Fd& root, Folders& folders, std::string folder, Fd lock)
      : root_(root), folders_(folders), folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string data_path() const { return folder_ + "/data"; }
  Result<void> take_over();
  Result<void> note_synced(std::uint64_t size);
  Result<void> check_still_ours() const;
  Result<void> bound_unsynced();
  Result<void> rename_to(const std::string& path);
  void remove_files();

  const Fd& root_;
  Folders& folders_;
  const std::string folder_;
  const Fd lock_;
  Fd data_;
  std::optional<FileLock> in_use_;
  DraftToken token_{};
  DraftToken previous_token_{};
  std::uint64_t size_ = 0;
  std::uint64_t handed_over_ = 0;  // up to here the kernel was told to begin writing
  std::uint64_t synced_ = 0;       // up to here the bytes are on disk, and `lock` says so
  bool gone_ = false;              // discarded
};

}  // namespace caisson::registry::store
