// Which tags of a repository are kept when not all are: the newest, the young, those of a certain kind. A tag that no
// rule keeps is taken away; what only it led to is garbage then.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "registry/maintenance/packed_digest.h"
#include "registry/store/driver.h"
#include "registry/store/name.h"

namespace caisson::registry::maintenance {

struct TagState {
  store::Tag tag;
  PackedDigest target;
  store::Time pointed;  // when it was last pushed
};

struct RetentionRule {
  std::function<bool(const std::string& repository)> applies;
  // A tag that one of these keeps stays. Without any of them all do.
  std::optional<std::size_t> newest = {};
  std::optional<std::chrono::milliseconds> younger = {};
  std::function<bool(const std::string& tag)> matching = {};
  bool dry_run = false;  // only says what it would do
};
// For each repository the first that applies to it.
using Retention = std::vector<RetentionRule>;

// The tags that go, as positions in `tags`. Those that stand for a referrer in registries that know none
// ("sha256-<hex>", "sha256-<hex>.sig") neither count nor go: they stay as long as what they are about, which
// subject_of_tag() tells.
std::vector<std::size_t> tags_to_remove(const RetentionRule& rule, std::span<const TagState> tags, store::Time now);
std::optional<PackedDigest> subject_of_tag(const std::string& tag);

}  // namespace caisson::registry::maintenance
