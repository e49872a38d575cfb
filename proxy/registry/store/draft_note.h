// What stands in the `lock` file of an upload's folder: who wrote to the upload last, and how much of it a power cut
// cannot take away. The kernel remembers what was written until the machine stops; so as long as it runs all bytes
// count, and after it was started anew, or seen from another machine, those that were on disk by then.
//
// Threading: whoever writes a note holds the file's lock. Every call may block.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/handle.h"
#include "base/result.h"
#include "registry/store/driver.h"

namespace caisson::registry::store {

// One run of the machine's kernel, from its start to its end.
using Boot = std::array<char, 36>;

// This one. Where the machine does not tell, one that only this process takes for its own.
const Boot& this_boot();

struct DraftNote {
  DraftToken token{};
  Boot boot = this_boot();
  std::uint64_t synced = 0;  // so many bytes of the upload are on disk
};

// Makes the file, unless it is there, with a note that trusts whoever wrote so far: registry:2 makes none.
Result<void> begin_note(const Fd& root, const std::string& path);

// Nothing when there is no whole note, as a power cut leaves it behind.
Result<std::optional<DraftNote>> read_note(const Fd& lock);
Result<void> write_note(const Fd& lock, const DraftNote& note);

// How many of the upload's `size` bytes count.
std::uint64_t trusted_size(const std::optional<DraftNote>& note, std::uint64_t size) noexcept;

}  // namespace caisson::registry::store
