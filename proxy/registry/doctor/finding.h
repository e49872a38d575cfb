// What verification finds wrong with a volume, and which images that concerns.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "registry/store/digest.h"

namespace caisson::registry::doctor {

// Where something is wrong.
enum class Place : std::uint8_t {
  Content,       // a blob's or manifest's bytes
  LayerLink,     // which makes a blob visible in a repository
  RevisionLink,  // which makes a manifest visible there
  TagLink,       // what a tag points at
  HistoryLink,   // what it once pointed at; nobody needs it for a pull
  Upload,
  Folder,
};

enum class Fault : std::uint8_t {
  Missing,
  Empty,         // as a full disk or a power cut leaves it behind a writer that does not sync
  Malformed,     // a link that holds no digest
  Misleading,    // a link that leads to other content than its name says
  Damaged,       // bytes that do not have their digest
  NotAManifest,  // bytes that have, and cannot be what they are linked as
  Unreadable,    // for the user who verifies
  NotWritable,   // the same; pushes will fail
  Broken,        // an upload that cannot go on
  Abandoned,     // an upload that began too long ago
};

struct Finding {
  Place place = Place::Content;
  Fault fault = Fault::Missing;
  std::string repository = {};  // "" for content and folders
  std::string tag = {};
  std::optional<store::Digest> digest = {};
  std::string path = {};  // of a folder, or an upload's id
  std::string detail = {};
  // Of content: whether somebody needs it as a manifest, and in which repositories it is needed at all.
  bool manifest = false;
  std::set<std::string> needed_in = {};

  // The same thing has the same key, also when it is wrong in another way now.
  std::string key() const;
  // "content-damaged", "tag-link-empty", ...: stable, for programs.
  std::string code() const;
  // Whether it hurts somebody; the rest is worth knowing.
  bool is_damage() const noexcept;
};

using Findings = std::map<std::string, Finding>;  // by key
// Adds what is not there yet; of content it gathers who needs it.
void add(Findings& findings, Finding finding);

// An image that cannot be pulled whole. Without a tag it can only be asked for by its digest.
struct Image {
  struct Problem {
    std::string finding;  // its key
    enum class Role : std::uint8_t { Tag, Manifest, Child, Blob } role = Role::Manifest;
  };
  std::string repository;
  std::string tag;
  std::optional<store::Digest> digest;
  std::vector<Problem> problems;
};

struct Counts {
  std::uint64_t repositories = 0;
  std::uint64_t tags = 0;
  std::uint64_t manifests = 0;  // linked in a repository
  std::uint64_t layers = 0;     // the same
  std::uint64_t uploads = 0;
  // Layer links whose content is gone and that no manifest needs, as registry:2's collection leaves them.
  std::uint64_t dangling_layers = 0;
  std::uint64_t contents = 0;  // whose digest was computed
  std::uint64_t bytes = 0;     // of them

  Counts& operator+=(const Counts& other) noexcept;
};

struct Diagnosis {
  Findings findings;
  std::vector<Image> images;
  Counts counts;

  bool has_damage() const noexcept;
  // Adds what another look found; of an image that is known already, its further problems.
  void merge(Diagnosis other);
};

// "blob sha256:... is not stored": what is wrong, in words.
std::string sentence(const Finding& finding, Image::Problem::Role role);

}  // namespace caisson::registry::doctor
