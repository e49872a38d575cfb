// How far the computing of digests came, in a file, so that it can go on there after it was stopped.
//
// Threading: one thread at a time for one file. Every call may block.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/store/digest.h"

namespace caisson::registry::doctor {

struct Checkpoint {
  std::optional<store::Digest> position = {};  // everything up to this one is done
  std::vector<store::Digest> faulty = {};
  std::uint64_t contents = 0;
  std::uint64_t bytes = 0;
};

// An empty one when there is no such file. Errors: a file that is something else.
Result<Checkpoint> load_checkpoint(const std::string& path);
// The file is the old one or the new one at any moment.
Result<void> save_checkpoint(const std::string& path, const Checkpoint& checkpoint);
void remove_checkpoint(const std::string& path);

}  // namespace caisson::registry::doctor
