#include "registry/doctor/repository_check.h"

#include <algorithm>
#include <array>

#include "registry/doctor/tag_history.h"

namespace caisson::registry::doctor {
namespace {

using store::Digest;
using store::Layout;
using store::LinkLook;

constexpr std::array kAlgorithms{store::Algorithm::Sha256, store::Algorithm::Sha512};

// What somebody is making now is not complete yet.
constexpr std::chrono::minutes kInTheMaking{1};

// What is in both, as it is now.
Diagnosis in_both(const Diagnosis& before, Diagnosis now) {
  std::erase_if(now.findings, [&](const auto& entry) { return !before.findings.contains(entry.first); });
  for (Image& image : now.images) {
    std::erase_if(image.problems, [&](const auto& problem) { return !now.findings.contains(problem.finding); });
  }
  std::erase_if(now.images, [](const Image& image) { return image.problems.empty(); });
  return now;
}

}  // namespace

Diagnosis RepositoryCheck::run(store::Store& store, Contents& contents, RightsCheck& rights, const CheckRules& rules,
                               const store::RepositoryName& name) {
  Diagnosis first = RepositoryCheck(store, contents, &rights, rules, name).look();
  if (first.findings.empty()) return first;
  return in_both(first, RepositoryCheck(store, contents, nullptr, rules, name).look());
}

Diagnosis RepositoryCheck::look() {
  found_.counts.repositories = 1;
  check_rights(Layout::repository(name_));
  look_at_revisions();
  look_at_tags();
  look_at_untagged();
  look_at_layers();
  look_at_uploads();
  return std::move(found_);
}

void RepositoryCheck::look_at_revisions() {
  for (const store::Algorithm algorithm : kAlgorithms) {
    for (const Digest& digest : list_digests(algorithm, Layout::revisions(name_, algorithm))) {
      const store::Key link = Layout::revision_link(name_, digest);
      // What was deleted leaves its folder behind, with registry:2.
      if (store_.look_at_link(link).state == LinkLook::State::Absent) continue;
      check_rights(Layout::revision(name_, digest));
      ++found_.counts.manifests;
      revisions_.push_back(digest);
      (void)node(digest);
    }
  }
}

void RepositoryCheck::look_at_tags() {
  for (const std::string& text : list(Layout::tags(name_))) {
    auto tag = store::Tag::parse(text);
    if (!tag.ok()) continue;
    ++found_.counts.tags;
    check_rights(Layout::tag(name_, tag.value()));
    look_at_tag(tag.value());
  }
}

void RepositoryCheck::look_at_tag(const store::Tag& tag) {
  const LinkLook look = store_.look_at_link(Layout::tag_current_link(name_, tag));
  const std::vector<Digest> history = tag_history(store_, name_, tag);
  look_at_history(tag, history);
  if (look.state == LinkLook::State::Good) {
    add_image(tag.str(), look.target, gather(*look.target, in_tags_));
    return;
  }
  if (look.state == LinkLook::State::Absent && is_new(Layout::tag(name_, tag))) return;  // its link comes last
  Finding finding = finding_at(Place::TagLink, fault_of(look.state));
  finding.tag = tag.str();
  if (look.state == LinkLook::State::Unreadable) {
    finding.detail = look.problem.what;
  } else if (history.empty()) {
    finding.detail = "nothing tells what it pointed at";
  } else {
    finding.detail = history.size() == 1 ? "it has only ever pointed at" : "it once pointed at each of";
    for (const Digest& digest : history) finding.detail += ' ' + digest.str();
  }
  add_image(tag.str(), {}, {{note(std::move(finding)), Problem::Role::Tag}});
}

void RepositoryCheck::look_at_history(const store::Tag& tag, const std::vector<Digest>& history) {
  for (const Digest& digest : history) {
    (void)link_finding(Place::HistoryLink, digest, store_.look_at_link(Layout::tag_index_link(name_, tag, digest)),
                       tag.str());
  }
}

void RepositoryCheck::look_at_untagged() {
  for (const Digest& digest : revisions_) {
    if (in_tags_.contains(digest.str())) continue;
    std::unordered_set<std::string> seen;
    add_image("", digest, gather(digest, seen));
  }
}

void RepositoryCheck::look_at_layers() {
  for (const store::Algorithm algorithm : kAlgorithms) {
    for (const Digest& digest : list_digests(algorithm, Layout::layers(name_, algorithm))) {
      const LinkLook look = store_.look_at_link(Layout::layer_link(name_, digest));
      if (look.state == LinkLook::State::Absent) continue;
      check_rights(Layout::layer(name_, digest));
      ++found_.counts.layers;
      if (blobs_.contains(digest.str())) continue;  // some manifest needs it
      (void)link_finding(Place::LayerLink, digest, look);
      const Digest& target = look.target ? *look.target : digest;
      const ContentState state = contents_.state(target);
      if (state.fault != Fault::Missing) {
        if (state.fault) (void)content_problem(target, state, Problem::Role::Blob);
      } else if (look.state == LinkLook::State::Good) {
        ++found_.counts.dangling_layers;
      }
    }
  }
}

void RepositoryCheck::look_at_uploads() {
  for (const std::string& text : list(Layout::uploads(name_))) {
    auto id = store::UploadId::parse(text);
    if (!id.ok()) continue;
    ++found_.counts.uploads;
    look_at_upload(id.value());
  }
}

void RepositoryCheck::look_at_upload(const store::UploadId& id) {
  const store::Key folder = Layout::upload(name_, id);
  auto status = store_.driver().draft_status(folder);
  if (!status.ok()) return;  // it has just been finished
  check_rights(folder);
  // One that is being made has no data yet.
  const bool is_new = status.value().began > store::Time::clock::now() - std::chrono::hours(1);
  const bool broken = !status.value().size && !is_new;
  if (!broken && status.value().began >= rules_.abandoned_before) return;
  Finding finding = finding_at(Place::Upload, broken ? Fault::Broken : Fault::Abandoned);
  finding.path = id.str();
  (void)note(std::move(finding));
}

std::vector<std::string> RepositoryCheck::list(const store::Key& folder) {
  auto names = store_.driver().folders(folder);
  if (names.ok()) {
    check_rights(folder);
    return *names.value();
  }
  if (names.error().code != ErrorCode::NotFound) {
    Finding finding{Place::Folder, Fault::Unreadable};
    finding.path = folder.path();
    finding.detail = names.error().what;
    (void)note(std::move(finding));
  }
  return {};
}

std::vector<Digest> RepositoryCheck::list_digests(store::Algorithm algorithm, const store::Key& folder) {
  std::vector<Digest> digests;
  for (const std::string& name : list(folder)) {
    auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + name);
    if (digest.ok()) digests.push_back(std::move(digest).value());
  }
  return digests;
}

bool RepositoryCheck::is_new(const store::Key& key) const {
  auto changed = store_.driver().changed(key);
  return changed.ok() && changed.value() > store::Time::clock::now() - kInTheMaking;
}

std::string RepositoryCheck::note(Finding finding) {
  std::string key = finding.key();
  add(found_.findings, std::move(finding));
  return key;
}

Finding RepositoryCheck::finding_at(Place place, Fault fault) const {
  Finding finding{place, fault};
  finding.repository = name_.str();
  return finding;
}

void RepositoryCheck::check_rights(const store::Key& key) {
  if (rights_ != nullptr) rights_->look_at(key);
}

}  // namespace caisson::registry::doctor
