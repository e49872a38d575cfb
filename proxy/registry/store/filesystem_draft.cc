#include "registry/store/filesystem_draft.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/text.h"
#include "registry/store/draft_note.h"
#include "registry/store/files.h"

namespace caisson::registry::store {
namespace {

constexpr std::uint64_t kMostUnsynced = 64U << 20;
// Writing begins early, so that little is left to wait for when a sync is due.
constexpr std::uint64_t kHandOverEvery = 8U << 20;

// RFC 3339 in UTC and seconds, as registry:2 writes it.
std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
}

std::optional<std::time_t> parse_time(const std::string& text) {
  std::tm utc{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return ::timegm(&utc);
}

}  // namespace

Result<std::unique_ptr<Draft>> FilesystemDraft::create(const Fd& root, Folders& folders, const std::string& folder) {
  if (auto made = folders.make(folder); !made.ok()) return std::move(made).error();
  auto started = open_file(root, folder + "/startedat", O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!started.ok()) return std::move(started).error();
  if (auto written = write_at(started.value(), 0, text::bytes_of(now_text())); !written.ok()) {
    return std::move(written).error();
  }
  if (auto data = open_file(root, folder + "/data", O_WRONLY | O_CREAT | O_EXCL, 0666); !data.ok()) {
    return std::move(data).error();
  }
  return open(root, folders, folder);
}

Result<std::unique_ptr<Draft>> FilesystemDraft::open(const Fd& root, Folders& folders, const std::string& folder) {
  // `data` is what makes a draft: without it not even a lock file is made.
  if (::faccessat(root.get(), (folder + "/data").c_str(), F_OK, 0) != 0) {
    return system_error(errno, "find upload \"" + folder + '"');
  }
  const std::string path = folder + "/lock";
  auto lock = open_file(root, path, O_RDWR);
  if (!lock.ok() && lock.error().code == ErrorCode::NotFound) {
    if (auto begun = begin_note(root, path); !begun.ok()) return std::move(begun).error();
    lock = open_file(root, path, O_RDWR);
  }
  if (!lock.ok()) return std::move(lock).error();
  std::unique_ptr<FilesystemDraft> draft(new FilesystemDraft(root, folders, folder, std::move(lock).value()));
  if (auto taken = draft->take_over(); !taken.ok()) return std::move(taken).error().in(folder);
  return std::unique_ptr<Draft>(std::move(draft));
}

Result<void> FilesystemDraft::take_over() {
  auto locked = FileLock::take(lock_);
  if (!locked.ok()) return std::move(locked).error();
  // Only now: before it had the lock somebody may have published or discarded the draft.
  auto data = open_file(root_, data_path(), O_RDWR);
  if (!data.ok()) return std::move(data).error();
  auto size = size_of(data.value());
  if (!size.ok()) return std::move(size).error();
  auto note = read_note(lock_);
  if (!note.ok()) return std::move(note).error();
  auto used = FileLock::share(data.value());
  if (!used.ok()) return std::move(used).error();

  size_ = handed_over_ = trusted_size(note.value(), size.value());
  if (size_ < size.value() && ::ftruncate(data.value().get(), static_cast<off_t>(size_)) != 0) {
    return system_error(errno, "truncate");
  }
  const DraftNote before = note.value().value_or(DraftNote());
  previous_token_ = before.token;
  synced_ = std::min(before.synced, size_);
  token_ = random_bytes();
  data_ = std::move(data).value();
  in_use_.emplace(std::move(used).value());
  return write_note(lock_, {token_, this_boot(), synced_});
}

Result<DraftStatus> FilesystemDraft::status(const Fd& root, const std::string& folder) {
  auto changed = changed_at(root, folder);
  if (!changed.ok()) return std::move(changed).error();
  DraftStatus status{std::chrono::system_clock::from_time_t(changed.value().tv_sec), {}};
  if (auto started = open_file(root, folder + "/startedat", O_RDONLY); started.ok()) {
    std::string text(64, '\0');
    auto read = read_at(started.value(), 0, std::as_writable_bytes(std::span(text)));
    text.resize(read.ok() ? read.value() : 0);
    if (const auto time = parse_time(text)) status.began = std::chrono::system_clock::from_time_t(*time);
  }
  auto data = open_file(root, folder + "/data", O_RDONLY);
  if (!data.ok()) return data.error().code == ErrorCode::NotFound ? Result(status) : std::move(data).error();
  auto lock = open_file(root, folder + "/lock", O_RDONLY);
  if (!lock.ok() && lock.error().code != ErrorCode::NotFound) return std::move(lock).error();
  std::optional<DraftNote> note = DraftNote();  // registry:2 makes none
  std::optional<FileLock> held;
  if (lock.ok()) {
    // Not in the middle of a write.
    auto locked = FileLock::share(lock.value());
    if (!locked.ok()) return std::move(locked).error();
    held.emplace(std::move(locked).value());
    auto read = read_note(lock.value());
    if (!read.ok()) return std::move(read).error();
    note = read.value();
  }
  auto size = size_of(data.value());
  if (!size.ok()) return std::move(size).error();
  status.size = trusted_size(note, size.value());
  return status;
}

Result<bool> FilesystemDraft::discard_idle(const Fd& root, const std::string& folder) {
  auto lock = open_file(root, folder + "/lock", O_RDWR | O_CREAT, 0666);
  if (!lock.ok()) return std::move(lock).error();
  auto locked = FileLock::take(lock.value());
  if (!locked.ok()) return std::move(locked).error();
  const std::string path = folder + "/data";
  if (auto data = open_file(root, path, O_RDONLY); data.ok()) {
    auto idle = FileLock::try_take(data.value());
    if (!idle.ok() && idle.error().code == ErrorCode::Conflict) return false;
    if (!idle.ok()) return std::move(idle).error();
    // Before the lock is let go of: whoever waits for it finds no draft.
    if (auto removed = unlink_file(root, path); !removed.ok()) return std::move(removed).error();
  }
  if (auto removed = remove_tree(root, folder); !removed.ok()) return std::move(removed).error();
  return true;
}

// REQUIRES: the lock is held.
Result<void> FilesystemDraft::check_still_ours() const {
  if (gone_) return Error{ErrorCode::NotFound, "the upload \"" + folder_ + "\" was discarded after an error"};
  auto newest = read_note(lock_);
  if (!newest.ok()) return std::move(newest).error();
  if (newest.value() && newest.value()->token == token_) return {};
  return Error{ErrorCode::Conflict, "a newer request took over the upload \"" + folder_ + '"'};
}

Result<std::size_t> FilesystemDraft::read(std::uint64_t offset, std::span<std::byte> into) const {
  return read_at(data_, offset, into);
}

Result<void> FilesystemDraft::append(std::span<const std::byte> bytes) {
  auto locked = FileLock::take(lock_);
  if (!locked.ok()) return std::move(locked).error();
  if (auto ours = check_still_ours(); !ours.ok()) return ours;
  if (auto written = write_at(data_, size_, bytes); !written.ok()) {
    // A full disk may have taken a part: cut it off, so that size and content agree for the next try.
    if (::ftruncate(data_.get(), static_cast<off_t>(size_)) != 0) remove_files();
    return written;
  }
  size_ += bytes.size();
  auto bounded = bound_unsynced();
  if (!bounded.ok()) remove_files();
  return bounded;
}

Result<void> FilesystemDraft::truncate(std::uint64_t size) {
  auto locked = FileLock::take(lock_);
  if (!locked.ok()) return std::move(locked).error();
  if (auto ours = check_still_ours(); !ours.ok()) return ours;
  if (::ftruncate(data_.get(), static_cast<off_t>(size)) != 0) return system_error(errno, "truncate");
  size_ = size;
  handed_over_ = std::min(handed_over_, size);
  if (size >= synced_) return {};
  // Other bytes may follow, which are not on disk: the note must not count them.
  auto noted = note_synced(size);
  if (!noted.ok()) remove_files();
  return noted;
}

Result<void> FilesystemDraft::bound_unsynced() {
  if (size_ - handed_over_ >= kHandOverEvery) {
    // A hint that does not wait; what goes wrong here the next sync reports.
    (void)::sync_file_range(data_.get(), static_cast<off_t>(handed_over_), static_cast<off_t>(size_ - handed_over_),
                            SYNC_FILE_RANGE_WRITE);
    handed_over_ = size_;
  }
  if (size_ - synced_ < kMostUnsynced) return {};
  if (auto done = sync_file(data_); !done.ok()) return done;
  return note_synced(size_);
}

// REQUIRES: so many bytes are on disk.
Result<void> FilesystemDraft::note_synced(std::uint64_t size) {
  if (auto written = write_note(lock_, {token_, this_boot(), size}); !written.ok()) return written;
  if (auto synced = sync_file(lock_); !synced.ok()) return synced;
  synced_ = size;
  return {};
}

Result<void> FilesystemDraft::settle() {
  if (synced_ == size_) return {};
  auto locked = FileLock::take(lock_);
  if (!locked.ok()) return std::move(locked).error();
  if (auto ours = check_still_ours(); !ours.ok()) return ours;
  if (auto synced = sync_file(data_); !synced.ok()) {
    remove_files();
    return synced;
  }
  auto entered = sync_folder(root_, folder_);
  if (entered.ok()) entered = folders_.sync_all_above(folder_);
  return entered.ok() ? note_synced(size_) : entered;
}

Result<void> FilesystemDraft::publish(const Key& key) {
  auto locked = FileLock::take(lock_);
  if (!locked.ok()) return std::move(locked).error();
  if (auto ours = check_still_ours(); !ours.ok()) return ours;
  // The content's lease begins now, however long ago its bytes came.
  (void)::futimens(data_.get(), nullptr);
  if (auto synced = sync_file(data_); !synced.ok()) {
    remove_files();
    return synced;
  }
  const std::string folder(parent_of(key.path()));
  for (int attempts = 3;; --attempts) {
    if (auto made = folders_.make_durable(folder); !made.ok()) return made;
    auto renamed = rename_to(key.path());
    if (renamed.ok()) renamed = sync_folder(root_, folder);
    if (renamed.ok()) return folders_.sync_all_above(folder);
    if (renamed.error().code != ErrorCode::NotFound || attempts == 0) return renamed;
  }
}

Result<void> FilesystemDraft::rename_to(const std::string& path) {
  struct stat present {};
  if (::fstatat(root_.get(), path.c_str(), &present, 0) == 0 && S_ISREG(present.st_mode) &&
      static_cast<std::uint64_t>(present.st_size) == size_) {
    // Unless collection has just taken it away: then ours takes its place.
    auto kept = touch(root_, path);
    if (kept.ok() || kept.error().code != ErrorCode::NotFound) return unlink_file(root_, data_path());
  }
  return rename_file(root_, data_path(), path);
}

Result<void> FilesystemDraft::discard() {
  auto locked = FileLock::take(lock_);
  if (!locked.ok()) return std::move(locked).error();
  if (auto ours = check_still_ours(); !ours.ok()) return ours;
  remove_files();
  return {};
}

// `data` first: without it the rest is no upload any more, whatever happens next. hashstates/ may come from registry:2.
void FilesystemDraft::remove_files() {
  gone_ = true;
  (void)unlink_file(root_, data_path());
  (void)remove_tree(root_, folder_);
}

}  // namespace caisson::registry::store
