// Which images of a repository can be pulled: its manifests, what they need, and what is wrong with either.
#include <algorithm>

#include "registry/doctor/repository_check.h"
#include "registry/manifest/manifest.h"

namespace caisson::registry::doctor {
namespace {

using store::Digest;
using store::Layout;
using store::LinkLook;

// registry:2 keeps what came as sha512 under its sha256, and links the one to the other.
bool is_misleading(const Digest& name, const Digest& target) {
  return target != name && target.algorithm() == name.algorithm();
}

}  // namespace

Fault fault_of(LinkLook::State state) noexcept {
  switch (state) {
    case LinkLook::State::Empty:
      return Fault::Empty;
    case LinkLook::State::Malformed:
      return Fault::Malformed;
    case LinkLook::State::Unreadable:
      return Fault::Unreadable;
    default:
      return Fault::Missing;
  }
}

const RepositoryCheck::Node& RepositoryCheck::node(const Digest& digest) {
  const auto found = nodes_.find(digest.str());
  return found != nodes_.end() ? found->second : nodes_.emplace(digest.str(), read_node(digest)).first->second;
}

RepositoryCheck::Node RepositoryCheck::read_node(const Digest& digest) {
  Node node;
  const LinkLook look = store_.look_at_link(Layout::revision_link(name_, digest));
  const bool absent = look.state == LinkLook::State::Absent;
  if (auto key = link_finding(Place::RevisionLink, digest, look)) node.own.push_back({*key, Problem::Role::Manifest});
  const Digest& content = look.target && !is_misleading(digest, *look.target) ? *look.target : digest;
  ContentState state;
  const auto bytes = contents_.manifest(content, state);
  if (state.fault) {
    if (auto problem = content_problem(content, state, Problem::Role::Manifest)) node.own.push_back(*problem);
    return node;
  }
  const auto references = references_of(*bytes);
  if (!references) {
    node.own.push_back(*content_problem(content, {Fault::NotAManifest, {}, 0, {}}, Problem::Role::Manifest));
    return node;
  }
  if (absent && !rules_.absence_is_normal) {
    node.own.push_back({missing_link(Place::RevisionLink, digest), Problem::Role::Manifest});
  }
  for (const Digest& blob : references->needed.blobs) {
    if (auto problem = blob_problem(blob)) node.blobs.push_back(*problem);
  }
  node.manifests = references->needed.manifests;
  return node;
}

std::optional<Image::Problem> RepositoryCheck::blob_problem(const Digest& digest) {
  if (const auto known = blobs_.find(digest.str()); known != blobs_.end()) return known->second;
  const LinkLook look = store_.look_at_link(Layout::layer_link(name_, digest));
  const auto link = link_finding(Place::LayerLink, digest, look);
  const Digest& content = look.target && !is_misleading(digest, *look.target) ? *look.target : digest;
  std::optional<Problem> problem = content_problem(content, contents_.state(content), Problem::Role::Blob);
  if (!problem && link) problem = Problem{*link, Problem::Role::Blob};
  if (!problem && look.state == LinkLook::State::Absent && !rules_.absence_is_normal) {
    problem = Problem{missing_link(Place::LayerLink, digest), Problem::Role::Blob};
  }
  blobs_.emplace(digest.str(), problem);
  return problem;
}

std::optional<Image::Problem> RepositoryCheck::content_problem(const Digest& digest, const ContentState& state,
                                                               Problem::Role role) {
  if (!state.fault || (state.fault == Fault::Missing && rules_.absence_is_normal)) return std::nullopt;
  Finding finding{Place::Content, *state.fault};
  finding.digest = digest;
  finding.detail = state.detail;
  finding.manifest = role != Problem::Role::Blob;
  finding.needed_in = {name_.str()};
  return Problem{note(std::move(finding)), role};
}

std::optional<std::string> RepositoryCheck::link_finding(Place place, const Digest& digest, const LinkLook& look,
                                                         const std::string& tag) {
  if (look.state == LinkLook::State::Absent) return std::nullopt;
  const bool good = look.state == LinkLook::State::Good;
  if (good && !is_misleading(digest, *look.target)) return std::nullopt;
  Finding finding = finding_at(place, good ? Fault::Misleading : fault_of(look.state));
  finding.digest = digest;
  finding.tag = tag;
  finding.manifest = place != Place::LayerLink;
  if (good) finding.detail = look.target->str();
  if (look.state == LinkLook::State::Unreadable) finding.detail = look.problem.what;
  return note(std::move(finding));
}

std::string RepositoryCheck::missing_link(Place place, const Digest& digest) {
  Finding finding = finding_at(place, Fault::Missing);
  finding.digest = digest;
  finding.manifest = place == Place::RevisionLink;
  return note(std::move(finding));
}

std::vector<Image::Problem> RepositoryCheck::gather(const Digest& digest, std::unordered_set<std::string>& seen) {
  std::vector<Problem> problems;
  std::unordered_set<std::string> gathered;  // `seen` may know it from another tag
  std::vector<std::pair<Digest, Problem::Role>> left{{digest, Problem::Role::Manifest}};
  while (!left.empty()) {
    const auto [at, role] = std::move(left.back());
    left.pop_back();
    if (!gathered.insert(at.str()).second) continue;
    seen.insert(at.str());
    const Node& manifest = node(at);
    for (Problem problem : manifest.own) {
      problem.role = role;
      problems.push_back(std::move(problem));
    }
    problems.insert(problems.end(), manifest.blobs.begin(), manifest.blobs.end());
    for (const Digest& child : manifest.manifests) left.emplace_back(child, Problem::Role::Child);
  }
  return problems;
}

void RepositoryCheck::add_image(const std::string& tag, std::optional<Digest> digest, std::vector<Problem> problems) {
  if (problems.empty()) return;
  std::sort(problems.begin(), problems.end(), [](const auto& a, const auto& b) { return a.finding < b.finding; });
  const auto same = [](const auto& a, const auto& b) { return a.finding == b.finding; };
  problems.erase(std::unique(problems.begin(), problems.end(), same), problems.end());
  found_.images.push_back({name_.str(), tag, std::move(digest), std::move(problems)});
}

}  // namespace caisson::registry::doctor
