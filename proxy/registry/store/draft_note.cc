#include "registry/store/draft_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "registry/store/files.h"

namespace caisson::registry::store {
namespace {

// As it lies in the file.
struct Written {
  DraftToken token;
  Boot boot;
  std::array<char, 4> unused;
  std::uint64_t synced;
};
static_assert(sizeof(Written) == 64);

Boot find_boot() {
  Boot boot{};
  const Fd file(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  if (file) {
    auto read = read_at(file, 0, std::as_writable_bytes(std::span(boot)));
    if (read.ok() && read.value() == boot.size()) return boot;
  }
  const std::string random = text::to_hex(random_bytes());
  std::copy(random.begin(), random.end(), boot.begin());
  return boot;
}

}  // namespace

const Boot& this_boot() {
  static const Boot boot = find_boot();
  return boot;
}

Result<void> begin_note(const Fd& root, const std::string& path) {
  // Beside, so that nobody ever sees a part of it.
  const std::string temporary = path + '.' + text::to_hex(random_bytes()) + ".tmp";
  auto file = open_file(root, temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file.ok()) return std::move(file).error();
  auto done = write_note(file.value(), DraftNote());
  if (done.ok() && ::linkat(root.get(), temporary.c_str(), root.get(), path.c_str(), 0) != 0 && errno != EEXIST) {
    done = system_error(errno, "make \"" + path + '"');
  }
  (void)unlink_file(root, temporary);
  return done;
}

Result<std::optional<DraftNote>> read_note(const Fd& lock) {
  Written written{};
  auto read = read_at(lock, 0, std::as_writable_bytes(std::span(&written, 1)));
  if (!read.ok()) return std::move(read).error();
  if (read.value() < sizeof written) return std::optional<DraftNote>();
  return std::optional(DraftNote{written.token, written.boot, written.synced});
}

Result<void> write_note(const Fd& lock, const DraftNote& note) {
  const Written written{note.token, note.boot, {}, note.synced};
  return write_at(lock, 0, std::as_bytes(std::span(&written, 1)));
}

std::uint64_t trusted_size(const std::optional<DraftNote>& note, std::uint64_t size) noexcept {
  if (!note) return 0;
  return note->boot == this_boot() ? size : std::min(size, note->synced);
}

}  // namespace caisson::registry::store
