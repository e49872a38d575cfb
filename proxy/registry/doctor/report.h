// What verification says at its end, for people and for programs.
//
// The JSON is one object. Keys are only ever added; what `version` 1 has, means:
//
//   version    1
//   verdict    "clean": nothing is damaged; "mended": it was, and is not any more; "damaged"
//   root       the folder, as it was named
//   digests    whether those of all contents were computed, not of the manifests alone
//   counts     repositories, tags, manifests, layers, uploads, dangling_layers; contents and bytes: whose digests were
//              computed
//   images     those that could not be pulled whole: repository; tag, or null; digest, or null when a tag's link is
//   lost;
//              mended; problems: code, role ("tag", "manifest", "child", "blob"), digest or null, text
//   findings   code; damage: false when it hurts nobody; mended; repository, tag, digest, path, detail, needed_in where
//              they apply
//   repairs    what was done, or would be with --repair: action; result ("planned", "done", "failed", "unneeded"); code
//              of what it is about; repository, tag, digest, target, problem where they apply; text
//
// Threading: none of its own.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "registry/doctor/finding.h"
#include "registry/doctor/plan.h"

namespace caisson::registry::doctor {

struct Outcome {
  std::string root;
  bool digests = true;
  Diagnosis found;          // also what showed only when something else was mended
  Findings left;            // what is wrong still
  std::vector<Step> steps;  // done, or planned
  bool repaired = false;    // the former

  bool is_clean() const noexcept;
};

void write_text(const Outcome& outcome, std::ostream& out);
void write_json(const Outcome& outcome, std::ostream& out);

// "1.5 GiB"
std::string size_text(std::uint64_t bytes);

}  // namespace caisson::registry::doctor
