// Brings back what lies in a store's trash. What came back counts as used now, so that the next collection leaves it
// alone for the grace period: time enough to give an image its tag again.
//
// Threading: one thread. Nobody may collect meanwhile: REQUIRES the collection's lock.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "base/result.h"
#include "registry/store/store.h"

namespace caisson::registry::maintenance {

struct Everything {};
struct TaggedImage {
  store::RepositoryName repository;
  store::Tag tag;
};
// What is to come back: all, what was thrown at one time, a repository, a tag with its image and what refers to it, a
// manifest or a blob wherever it was.
using Wanted = std::variant<Everything, store::TrashName, store::RepositoryName, TaggedImage, store::Digest>;

// "all", "20261121T101500Z-1f00ba5e", "guide/app", "guide/app:v1", "sha256:...".
Result<Wanted> parse_wanted(const std::string& text);

struct Restored {
  std::size_t things = 0;
  std::size_t in_the_way = 0;  // places that are taken, such as a tag that was pushed anew
};
Result<Restored> restore(store::Store& store, const Wanted& wanted);

}  // namespace caisson::registry::maintenance
