// What lies in a store's trash, one thing after the other.
//
// Threading: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "registry/store/store.h"

namespace caisson::registry::maintenance {

struct Thrown {
  enum class Kind : std::uint8_t {
    Blob,          // content, also that of manifests
    Link,          // of a blob in a repository
    Manifest,      // the link of one
    HistoryEntry,  // that a tag once was that manifest
    Tag,           // with all its history
  };
  Kind kind;
  store::Key place;  // where it was
  std::optional<store::RepositoryName> repository = {};
  std::optional<store::Digest> digest = {};
  std::optional<store::Tag> tag = {};
  std::uint64_t size = 0;  // of a blob

  // "tag guide/app:v1", "blob sha256:... 1234"
  std::string str() const;
};

// Everything that was thrown then, in an order in which it can be brought back: content before links, links before
// tags.
using VisitThrown = std::function<Result<void>(const Thrown&)>;
Result<void> each_thrown(store::Driver& driver, const store::TrashName& time, const VisitThrown& visit);

}  // namespace caisson::registry::maintenance
