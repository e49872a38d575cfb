#include "registry/maintenance/marker.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "registry/manifest/manifest.h"
#include "registry/store/repositories.h"

namespace caisson::registry::maintenance {

using store::Algorithm;
using store::Digest;
using store::Layout;
using store::RepositoryName;

Result<void> Marker::visit(const RepositoryName& name) {
  if (!pace_.take()) return {};
  report_.repository(name);
  const store::Repository repository = store_.repository(name);
  auto read = RepositoryGraph::read(store_, repository, pace_);
  if (!read.ok()) return std::move(read).error();
  const RepositoryGraph& graph = read.value();
  bool complete = !graph.incomplete();
  auto tags = tags_of(repository, complete);
  if (!tags.ok()) return std::move(tags).error();
  if (pace_.stopped()) return {};

  Doomed doomed{name, {}, {}};
  std::vector<bool> kept = choose_tags(name, graph, tags.value(), doomed);
  if (!complete) {
    // What it refers to may be anything that this repository has.
    ++incomplete_;
    doomed = {name, {}, {}};
    kept.assign(kept.size(), true);
    if (auto spared = spare_links(name, store::Time::min()); !spared.ok()) return spared;
  }
  mark(name, graph, kept);
  for (const auto& group : graph.groups_without(kept)) {
    std::vector<PackedDigest> names;
    for (const std::size_t one : group) names.push_back(graph.revisions()[one].name);
    doomed.revisions.push_back(std::move(names));
  }
  if (!doomed.tags.empty() || !doomed.revisions.empty()) doomed_.push_back(std::move(doomed));
  return spare_what_uploads_wait_for(name);
}

// Clears `complete` when there is a tag that cannot be read.
Result<std::vector<TagState>> Marker::tags_of(const store::Repository& repository, bool& complete) const {
  std::vector<TagState> tags;
  auto names = store::folders_if_any(store_.driver(), Layout::tags(repository.name()));
  if (!names.ok()) return std::move(names).error();
  for (const std::string& text : *names.value()) {
    auto tag = store::Tag::parse(text);
    if (!tag.ok()) continue;
    const store::Key link = Layout::tag_current_link(repository.name(), tag.value());
    auto target = store_.read_link(link);
    auto pointed = store_.driver().changed(link);
    if (target.ok() && pointed.ok()) {
      tags.push_back({std::move(tag).value(), pack(target.value()), pointed.value()});
    } else if (target.ok() || target.error().code != ErrorCode::NotFound) {
      store_.report_once(link, "is a tag that cannot be read");
      complete = false;
    }
  }
  return tags;
}

std::vector<std::size_t> Marker::roots(const RepositoryGraph& graph, const std::vector<TagState>& tags) const {
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < graph.revisions().size(); ++i) {
    if (!rules_.delete_untagged || graph.revisions()[i].used >= rules_.cutoff) roots.push_back(i);
  }
  for (const TagState& tag : tags) {
    if (const auto target = graph.find(tag.target)) roots.push_back(*target);
  }
  return roots;
}

// Takes the tags that go out of `tags`; which revisions are kept then.
std::vector<bool> Marker::choose_tags(const RepositoryName& name, const RepositoryGraph& graph,
                                      std::vector<TagState>& tags, Doomed& doomed) {
  const auto rule = std::find_if(rules_.retention.begin(), rules_.retention.end(),
                                 [&](const RetentionRule& one) { return one.applies(name.str()); });
  if (rule == rules_.retention.end()) return graph.closure(roots(graph, tags));

  const std::vector<TagState> all = tags;
  std::vector<TagState> left;
  std::vector<TagState> about;  // tags that stand for referrers
  std::vector<bool> goes(tags.size());
  for (const std::size_t one : tags_to_remove(*rule, tags, store::Time::clock::now())) goes[one] = true;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const bool young = tags[i].pointed >= rules_.cutoff;
    auto& into = young ? left : goes[i] ? doomed.tags : subject_of_tag(tags[i].tag.str()) ? about : left;
    into.push_back(tags[i]);
  }
  // What a tag stands for may itself be a subject.
  for (bool again = true; again;) {
    again = false;
    const std::vector<bool> kept = graph.closure(roots(graph, left));
    std::vector<TagState> waiting;
    for (TagState& tag : about) {
      const auto subject = graph.find(*subject_of_tag(tag.tag.str()));
      const bool stays = subject && kept[*subject];
      again = again || stays;
      (stays ? left : waiting).push_back(std::move(tag));
    }
    about = std::move(waiting);
  }
  doomed.tags.insert(doomed.tags.end(), about.begin(), about.end());
  std::vector<bool> kept = graph.closure(roots(graph, left));
  // A referrer of what is kept keeps its name, too.
  std::erase_if(doomed.tags, [&](const TagState& tag) {
    const auto target = graph.find(tag.target);
    if (!target || !graph.revisions()[*target].subject) return false;
    const auto subject = graph.find(*graph.revisions()[*target].subject);
    return subject && kept[*subject];
  });
  if (rule->dry_run) {
    for (TagState& tag : doomed.tags) spared_tags_.emplace_back(name, std::move(tag.tag));
    doomed.tags.clear();
    return graph.closure(roots(graph, all));
  }
  tags = std::move(left);
  return kept;
}

void Marker::mark(const RepositoryName& repository, const RepositoryGraph& graph, const std::vector<bool>& kept) {
  for (std::size_t i = 0; i < graph.revisions().size(); ++i) {
    const RepositoryGraph::Revision& revision = graph.revisions()[i];
    ++manifests_;
    if (!revision.present) ++absent_;
    if (!revision.present || !kept[i]) {
      if (revision.present && report_) report_.manifest_eligible(unpack(revision.name));
      continue;
    }
    if (report_) report_.marking_manifest(repository, unpack(revision.name));
    needed_.insert(revision.target);
    for (const PackedDigest& reference : graph.references(revision)) {
      if (report_) report_.marking_blob(repository, unpack(reference));
      mark_content(repository, reference);
    }
  }
}

void Marker::mark_content(const RepositoryName& repository, const PackedDigest& digest) {
  needed_.insert(digest);
  if (digest.algorithm == Algorithm::Sha256) return;
  // registry:2 keeps what came as sha512 under its sha256.
  auto target = store_.read_link(Layout::layer_link(repository, unpack(digest)));
  if (target.ok()) needed_.insert(target.value());
}

Result<void> Marker::keep(const RepositoryName& name, const std::vector<PackedDigest>& revisions) {
  const store::Repository repository = store_.repository(name);
  for (const PackedDigest& packed : revisions) {
    const Digest digest = unpack(packed);
    needed_.insert(packed);
    auto target = store_.read_link(Layout::revision_link(name, digest));
    if (target.ok()) needed_.insert(target.value());
    auto bytes = repository.peek_manifest(digest);
    if (!bytes.ok() && bytes.error().code == ErrorCode::NotFound) continue;  // it was deleted meanwhile
    const auto said = bytes.ok() ? references_of(bytes.value()) : std::nullopt;
    if (!said) {
      if (auto spared = spare_links(name, store::Time::min()); !spared.ok()) return spared;
      continue;
    }
    for (const auto* const digests : {&said->needed.manifests, &said->needed.blobs, &said->elsewhere}) {
      for (const Digest& one : *digests) mark_content(name, pack(one));
    }
  }
  return {};
}

// Spares all blobs that the repository linked since then.
Result<void> Marker::spare_links(const RepositoryName& repository, store::Time since) {
  for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    auto names = store::folders_if_any(store_.driver(), Layout::layers(repository, algorithm));
    if (!names.ok()) return std::move(names).error();
    for (const std::string& hex : *names.value()) {
      auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + hex);
      if (!digest.ok()) continue;
      const store::Key link = Layout::layer_link(repository, digest.value());
      if (since != store::Time::min()) {
        auto linked = store_.driver().changed(link);
        if (linked.ok() && linked.value() < since) continue;
      }
      spared_.insert(digest.value());
      if (auto target = store_.read_link(link); target.ok()) spared_.insert(target.value());
    }
  }
  return {};
}

Result<void> Marker::spare_what_uploads_wait_for(const RepositoryName& repository) {
  auto names = store::folders_if_any(store_.driver(), Layout::uploads(repository));
  if (!names.ok()) return std::move(names).error();
  auto oldest = store::Time::max();
  for (const std::string& text : *names.value()) {
    auto id = store::UploadId::parse(text);
    if (!id.ok()) continue;
    const auto written = store_.driver().changed(Layout::upload_data(repository, id.value()));
    if (!written.ok() || written.value() < rules_.cutoff) continue;  // nobody is at it any more
    const auto status = store_.driver().draft_status(Layout::upload(repository, id.value()));
    if (status.ok()) oldest = std::min(oldest, status.value().began);
  }
  if (oldest == store::Time::max()) return {};
  return spare_links(repository, oldest - rules_.grace);
}

}  // namespace caisson::registry::maintenance
