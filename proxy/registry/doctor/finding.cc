#include "registry/doctor/finding.h"

#include <algorithm>
#include <array>

namespace caisson::registry::doctor {
namespace {

constexpr std::array<std::string_view, 7> kPlaces{"content",      "layer-link", "revision-link", "tag-link",
                                                  "history-link", "upload",     "folder"};
constexpr std::array<std::string_view, 10> kFaults{"missing", "empty",          "malformed",  "misleading",
                                                   "damaged", "not-a-manifest", "unreadable", "not-writable",
                                                   "broken",  "abandoned"};

std::string_view name_of(Place place) noexcept { return kPlaces[static_cast<std::size_t>(place)]; }
std::string_view name_of(Fault fault) noexcept { return kFaults[static_cast<std::size_t>(fault)]; }

std::string what_is_wrong_with_content(const Finding& finding) {
  switch (finding.fault) {
    case Fault::Missing:
      return "is not stored";
    case Fault::Empty:
      return "is stored as an empty file";
    case Fault::Damaged:
      return "is damaged: " + finding.detail;
    case Fault::NotAManifest:
      return "is stored, and is no manifest";
    default:
      return "cannot be read: " + finding.detail;
  }
}

std::string what_is_wrong_with_link(const Finding& finding) {
  switch (finding.fault) {
    case Fault::Missing:
      return "is not there";
    case Fault::Empty:
      return "is an empty file";
    case Fault::Malformed:
      return "holds no digest";
    case Fault::Misleading:
      return "leads to " + finding.detail;
    default:
      return "cannot be read: " + finding.detail;
  }
}

std::string digest_text(const Finding& finding) { return finding.digest ? finding.digest->str() : std::string(); }

}  // namespace

std::string Finding::key() const {
  std::string text(name_of(place));
  for (const std::string& part : {repository, tag, digest_text(*this), path}) text += ' ' + part;
  // Both may be said of one folder.
  if (place == Place::Folder) text += ' ' + std::string(name_of(fault));
  return text;
}

std::string Finding::code() const { return std::string(name_of(place)) + '-' + std::string(name_of(fault)); }

bool Finding::is_damage() const noexcept { return place != Place::HistoryLink && place != Place::Upload; }

void add(Findings& findings, Finding finding) {
  const auto [at, is_new] = findings.try_emplace(finding.key(), finding);
  if (is_new) return;
  at->second.manifest = at->second.manifest || finding.manifest;
  at->second.needed_in.merge(finding.needed_in);
}

Counts& Counts::operator+=(const Counts& other) noexcept {
  for (const auto member : {&Counts::repositories, &Counts::tags, &Counts::manifests, &Counts::layers, &Counts::uploads,
                            &Counts::dangling_layers, &Counts::contents, &Counts::bytes}) {
    this->*member += other.*member;
  }
  return *this;
}

void Diagnosis::merge(Diagnosis other) {
  for (auto& [key, finding] : other.findings) add(findings, std::move(finding));
  for (Image& image : other.images) {
    const auto known = std::find_if(images.begin(), images.end(), [&](const Image& one) {
      return one.repository == image.repository && one.tag == image.tag &&
             (!image.tag.empty() || one.digest == image.digest);
    });
    if (known == images.end()) {
      images.push_back(std::move(image));
      continue;
    }
    if (!known->digest) known->digest = std::move(image.digest);
    for (Image::Problem& problem : image.problems) {
      const auto same = [&](const Image::Problem& one) { return one.finding == problem.finding; };
      if (std::none_of(known->problems.begin(), known->problems.end(), same)) {
        known->problems.push_back(std::move(problem));
      }
    }
  }
}

bool Diagnosis::has_damage() const noexcept {
  return std::any_of(findings.begin(), findings.end(), [](const auto& entry) { return entry.second.is_damage(); });
}

std::string sentence(const Finding& finding, Image::Problem::Role role) {
  using Role = Image::Problem::Role;
  const std::string digest = digest_text(finding);
  const std::string thing = role == Role::Child                          ? "the listed manifest "
                            : role == Role::Manifest || finding.manifest ? "manifest "
                                                                         : "blob ";
  switch (finding.place) {
    case Place::Content:
      return thing + digest + ' ' + what_is_wrong_with_content(finding);
    case Place::RevisionLink:
      if (role == Role::Child && finding.fault == Fault::Missing) {
        return thing + digest + " is not linked here, as registry:2's garbage-collect --delete-untagged leaves it";
      }
      [[fallthrough]];
    case Place::LayerLink:
      return "the link of " + thing + digest + ' ' + what_is_wrong_with_link(finding);
    case Place::TagLink: {
      const std::string more =
          finding.fault == Fault::Misleading || finding.detail.empty() ? "" : "; " + finding.detail;
      return "the tag's link " + what_is_wrong_with_link(finding) + (finding.fault == Fault::Unreadable ? "" : more);
    }
    case Place::HistoryLink:
      return "the link of " + digest + " in the tag's history " + what_is_wrong_with_link(finding);
    case Place::Upload:
      return "upload " + finding.path +
             (finding.fault == Fault::Broken ? " has no data and cannot go on" : " was begun over a week ago");
    case Place::Folder:
      return finding.fault == Fault::NotWritable ? finding.detail
                                                 : '"' + finding.path + "\" cannot be listed: " + finding.detail;
  }
  return {};
}

}  // namespace caisson::registry::doctor
