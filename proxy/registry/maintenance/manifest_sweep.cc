#include "registry/maintenance/manifest_sweep.h"

#include <algorithm>
#include <array>
#include <span>

#include "registry/store/repositories.h"

namespace caisson::registry::maintenance {

using store::Algorithm;
using store::Digest;
using store::Layout;
using store::RepositoryName;

namespace {

// Manifests that go while others are kept out, if their groups are not larger.
constexpr std::size_t kAtOnce = 32;

}  // namespace

Result<void> ManifestSweep::sweep(const Doomed& doomed) {
  for (const TagState& tag : doomed.tags) {
    if (!pace_.take()) return {};
    if (auto swept = sweep_tag(doomed.repository, tag); !swept.ok()) return swept;
  }
  auto entries = entries_of(doomed);
  if (!entries.ok()) return std::move(entries).error();
  for (auto group = doomed.revisions.begin(); group != doomed.revisions.end();) {
    auto end = group;
    std::size_t manifests = 0;
    while (end != doomed.revisions.end() && (end == group || manifests + end->size() <= kAtOnce)) {
      manifests += end++->size();
    }
    if (!pace_.take(manifests)) return {};
    std::vector<const Group*> used;
    auto others = bin_.keep_others_out();
    if (!others.ok()) return std::move(others).error();
    if (!others.value()) return {};
    for (; group != end; ++group) {
      auto went = sweep_group(doomed.repository, *group, entries.value());
      if (!went.ok()) return std::move(went).error();
      if (!went.value()) used.push_back(&*group);
    }
    others.value().reset();
    for (const Group* const one : used) {
      if (auto kept = marker_.keep(doomed.repository, *one); !kept.ok()) return kept;
    }
  }
  return {};
}

Result<void> ManifestSweep::sweep_tag(const RepositoryName& repository, const TagState& tag) {
  // Between the look at a tag and its end nobody may point it at something else.
  auto held = store_.driver().hold(Layout::tags_lock(repository), store::Sharing::Alone);
  if (!held.ok()) return std::move(held).error();
  auto pointed = store_.driver().changed(Layout::tag_current_link(repository, tag.tag));
  if (!pointed.ok() && pointed.error().code == ErrorCode::NotFound) return {};
  if (!pointed.ok()) return std::move(pointed).error();
  if (pointed.value() != tag.pointed) return {};
  auto thrown = bin_.throw_away(Layout::tag(repository, tag.tag));
  if (!thrown.ok()) return std::move(thrown).error();
  if (!thrown.value()) return {};
  ++tags_;
  log_.notice("registry: retention removed the tag " + repository.str() + ':' + tag.tag.str() + ", which was " +
              unpack(tag.target).str());
  bin_.accept();
  return {};
}

Result<std::vector<std::pair<PackedDigest, store::Key>>> ManifestSweep::entries_of(const Doomed& doomed) const {
  std::vector<std::pair<PackedDigest, store::Key>> entries;
  if (doomed.revisions.empty()) return entries;
  DigestSet wanted;
  for (const Group& group : doomed.revisions) {
    for (const PackedDigest& one : group) wanted.insert(one);
  }
  auto tags = store::folders_if_any(store_.driver(), Layout::tags(doomed.repository));
  if (!tags.ok()) return std::move(tags).error();
  for (const std::string& text : *tags.value()) {
    auto tag = store::Tag::parse(text);
    if (!tag.ok()) continue;
    for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
      auto names = store::folders_if_any(store_.driver(), Layout::tag_index(doomed.repository, tag.value(), algorithm));
      if (!names.ok()) return std::move(names).error();
      for (const std::string& hex : *names.value()) {
        auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + hex);
        if (!digest.ok() || !wanted.contains(digest.value())) continue;
        entries.emplace_back(pack(digest.value()), Layout::tag_index(doomed.repository, tag.value(), digest.value()));
      }
    }
  }
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return entries;
}

// Whether somebody linked one of them, or was told that it is there, since the marking. Those who list another one, or
// are about it, rely on that as well: so all go, or none.
Result<bool> ManifestSweep::is_used(const RepositoryName& repository, const Group& group) const {
  for (const PackedDigest& packed : group) {
    const store::Key link = Layout::revision_link(repository, unpack(packed));
    auto target = store_.read_link(link);
    if (!target.ok() && target.error().code != ErrorCode::NotFound) return std::move(target).error();
    const std::array places{link, Layout::blob_data(target.ok() ? target.value() : unpack(packed))};
    for (const store::Key& place : places) {
      auto used = store_.driver().changed(place);
      if (!used.ok() && used.error().code != ErrorCode::NotFound) return std::move(used).error();
      if (used.ok() && used.value() >= cutoff_) return true;
    }
  }
  return false;
}

// REQUIRES: others are kept out.
Result<bool> ManifestSweep::sweep_group(const RepositoryName& repository, const Group& group,
                                        const std::vector<std::pair<PackedDigest, store::Key>>& entries) {
  auto used = is_used(repository, group);
  if (!used.ok() || used.value()) return used.ok() ? Result<bool>(false) : used;
  // Where the contents are, as the links will not be there to tell.
  std::vector<store::Key> contents;
  std::size_t thrown = 0;
  for (const PackedDigest& packed : group) {
    const Digest digest = unpack(packed);
    auto target = store_.read_link(Layout::revision_link(repository, digest));
    contents.push_back(Layout::blob_data(target.ok() ? target.value() : digest));
    auto went = bin_.throw_away(Layout::revision(repository, digest));
    if (!went.ok()) return went;
    if (went.value()) ++thrown;
    const auto before = [](const auto& entry, const PackedDigest& name) { return entry.first < name; };
    for (auto entry = std::lower_bound(entries.begin(), entries.end(), packed, before);
         entry != entries.end() && entry->first == packed; ++entry) {
      if (auto gone = bin_.throw_away(entry->second); !gone.ok()) return gone;
    }
  }
  // Who found a link before it went has renewed the lease by now, or will find the link gone.
  for (const store::Key& content : contents) {
    auto time = store_.driver().changed(content);
    if (!time.ok() || time.value() < cutoff_) continue;
    if (auto back = bin_.take_back(); !back.ok()) return std::move(back).error();
    return false;
  }
  bin_.accept();
  manifests_ += thrown;
  return true;
}

}  // namespace caisson::registry::maintenance
