#include "registry/maintenance/repository_graph.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/text.h"
#include "registry/manifest/manifest.h"

namespace caisson::registry::maintenance {
namespace {

using store::Algorithm;
using store::Digest;
using store::Layout;

// The later of the two, as far as they are there.
Result<store::Time> last_used(const store::Store& store, const store::Key& link, const Digest& target) {
  store::Time latest{};
  for (const store::Key& key : {link, Layout::blob_data(target)}) {
    auto time = store.driver().changed(key);
    if (!time.ok() && time.error().code != ErrorCode::NotFound) return time;
    if (time.ok()) latest = std::max(latest, time.value());
  }
  return latest;
}

}  // namespace

Result<RepositoryGraph> RepositoryGraph::read(store::Store& store, const store::Repository& repository, Pace& pace) {
  RepositoryGraph graph;
  auto revisions = repository.revisions();
  if (!revisions.ok()) return std::move(revisions).error();
  for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    for (const std::string& hex : *revisions.value().of(algorithm)) {
      auto name = Digest::parse(std::string(to_string(algorithm)) + ':' + hex);
      if (!name.ok()) continue;
      if (!pace.take()) return graph;
      if (auto added = graph.add(store, repository, name.value()); !added.ok()) return std::move(added).error();
    }
  }
  return graph;
}

Result<void> RepositoryGraph::add(store::Store& store, const store::Repository& repository, const Digest& name) {
  const store::Key link = Layout::revision_link(repository.name(), name);
  auto linked = store.read_link(link);
  if (!linked.ok() && linked.error().code != ErrorCode::NotFound) return std::move(linked).error();
  if (!linked.ok()) {
    auto size = store.driver().size(link);
    if (!size.ok() && size.error().code == ErrorCode::NotFound) return {};  // registry:2 leaves the folder there
    if (!size.ok()) return std::move(size).error();
  }
  const Digest target = linked.ok() ? std::move(linked).value() : name;
  auto used = last_used(store, link, target);
  if (!used.ok()) return std::move(used).error();

  Revision revision{pack(name), pack(target), used.value(), true, references_.size(), 0};
  auto bytes = store.driver().get(Layout::blob_data(target), store::kLargestManifest);
  if (!bytes.ok() && bytes.error().code == ErrorCode::NotFound) bytes = repository.peek_manifest(name);
  const bool absent = bytes.ok() ? bytes.value().empty() : bytes.error().code == ErrorCode::NotFound;
  if (absent) {
    store.report_once(link, "leads to a manifest that is not there");
    revision.present = false;
  } else if (!bytes.ok()) {
    store.report_once(Layout::blob_data(target), "is a manifest that cannot be read: " + bytes.error().what);
    incomplete_ = true;
  } else {
    const bool known_so_far = !incomplete_;
    learn(target, bytes.value(), revision);
    if (known_so_far && incomplete_) store.report_once(Layout::blob_data(target), "is a damaged manifest");
  }
  revisions_.push_back(revision);
  return {};
}

void RepositoryGraph::learn(const Digest& target, std::string_view bytes, Revision& revision) {
  // What was damaged on disk may still read well and yet name other things than it did.
  const bool whole = digest_of(target.algorithm(), text::bytes_of(bytes)) == target;
  const auto said = whole ? references_of(bytes) : std::nullopt;
  if (!said) {
    incomplete_ = true;
    return;
  }
  for (const auto* const digests : {&said->needed.manifests, &said->needed.blobs, &said->elsewhere}) {
    for (const Digest& digest : *digests) references_.push_back(pack(digest));
  }
  revision.references = references_.size() - revision.first_reference;
  if (said->subject) revision.subject = pack(*said->subject);
}

std::optional<std::size_t> RepositoryGraph::find(const PackedDigest& name) const {
  const auto found = std::lower_bound(revisions_.begin(), revisions_.end(), name,
                                      [](const Revision& one, const PackedDigest& other) { return one.name < other; });
  if (found == revisions_.end() || found->name != name) return std::nullopt;
  return static_cast<std::size_t>(found - revisions_.begin());
}

template <class Visit>
void RepositoryGraph::each_edge(Visit visit) const {
  for (std::size_t i = 0; i < revisions_.size(); ++i) {
    for (const PackedDigest& reference : references(revisions_[i])) {
      if (const auto to = find(reference)) visit(i, *to);
    }
    if (!revisions_[i].subject) continue;
    if (const auto to = find(*revisions_[i].subject)) visit(i, *to);
  }
}

std::vector<bool> RepositoryGraph::closure(const std::vector<std::size_t>& roots) const {
  // Who is about whom, by the subject.
  std::vector<std::pair<std::size_t, std::size_t>> referrers;
  for (std::size_t i = 0; i < revisions_.size(); ++i) {
    const auto subject = revisions_[i].subject ? find(*revisions_[i].subject) : std::nullopt;
    if (subject) referrers.emplace_back(*subject, i);
  }
  std::sort(referrers.begin(), referrers.end());

  std::vector<bool> kept(revisions_.size());
  std::vector<std::size_t> open = roots;
  while (!open.empty()) {
    const std::size_t one = open.back();
    open.pop_back();
    if (kept[one]) continue;
    kept[one] = true;
    for (const PackedDigest& reference : references(revisions_[one])) {
      if (const auto child = find(reference)) open.push_back(*child);
    }
    for (auto at = std::lower_bound(referrers.begin(), referrers.end(), std::pair(one, std::size_t{0}));
         at != referrers.end() && at->first == one; ++at) {
      open.push_back(at->second);
    }
  }
  return kept;
}

std::vector<std::vector<std::size_t>> RepositoryGraph::groups_without(const std::vector<bool>& kept) const {
  std::vector<std::size_t> leader(revisions_.size());
  std::iota(leader.begin(), leader.end(), std::size_t{0});
  const auto leader_of = [&](std::size_t one) {
    while (leader[one] != one) one = leader[one] = leader[leader[one]];
    return one;
  };
  each_edge([&](std::size_t from, std::size_t to) {
    if (!kept[from] && !kept[to]) leader[leader_of(from)] = leader_of(to);
  });
  std::vector<std::vector<std::size_t>> by_leader(revisions_.size());
  for (std::size_t i = 0; i < revisions_.size(); ++i) {
    if (!kept[i] && revisions_[i].present) by_leader[leader_of(i)].push_back(i);
  }
  std::erase_if(by_leader, [](const auto& group) { return group.empty(); });
  return by_leader;
}

}  // namespace caisson::registry::maintenance
