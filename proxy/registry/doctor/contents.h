// What is known of a store's contents: what is wrong with those whose digests were computed, and whether the others are
// there at all.
//
// Ownership: refers to its store. Threading: any number of threads at once. Every call may block.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "registry/doctor/finding.h"
#include "registry/doctor/throttle.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

// Nothing is wrong without a fault.
struct ContentState {
  std::optional<Fault> fault = {};  // Missing, Empty, Damaged, Unreadable
  std::string detail = {};
  std::uint64_t size = 0;
  store::Time changed = {};
};

class Contents {
 public:
  Contents(store::Store& store, Throttle& throttle) : store_(store), throttle_(throttle) {}

  // Computes the digest, and remembers what is wrong.
  ContentState examine(const store::Digest& digest);
  // Without computing it, unless what is known to be wrong was changed meanwhile.
  ContentState state(const store::Digest& digest);
  // A manifest's bytes, whose digest was computed; nothing when something is wrong with them, which `state` tells then.
  std::optional<std::string> manifest(const store::Digest& digest, ContentState& state);

  // What is wrong, in no order; Missing content is not remembered.
  std::vector<store::Digest> faulty() const;
  void forget(const store::Digest& digest);

  // Whether what is at `place` has that digest. Nothing is remembered.
  ContentState compute(const store::Digest& digest, const store::Key& place);

 private:
  // In the trash, out of which whoever asks for it gets it back.
  std::optional<store::Key> thrown(const store::Digest& digest) const;

  store::Store& store_;
  Throttle& throttle_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, ContentState> faulty_;
};

}  // namespace caisson::registry::doctor
