// What can be done about what was found, without guessing. A step is only planned where the right content is known: by
// the name of a link's folder, by a tag's history when it has but one entry, by a digest that another registry is asked
// for.
//
// Ownership: values. Threading: one thread; plan() reads the store and may compute digests, so it may block for long.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/doctor/contents.h"
#include "registry/doctor/finding.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

struct Step {
  enum class Action : std::uint8_t {
    SetAside,  // content that is not what its digest says goes to v2/_damaged/
    Relink,    // a link is made to say what it has to
    Unlink,    // an empty link to what is not stored goes
    PointTag,  // the same as relink, for a tag, with `target`
    Fetch,     // content comes from the other registry
    Discard,   // an upload that nobody can finish goes
  };
  enum class Result : std::uint8_t { Planned, Done, Failed, Unneeded };

  Action action = Action::Relink;
  Finding finding;
  std::optional<store::Digest> target = {};
  Result result = Result::Planned;
  std::string problem = {};  // why it failed
};

// "re-make the link of blob sha256:... in guide/one"
std::string describe(const Step& step);
// "set-aside", ...: stable, for programs.
std::string_view name_of(Step::Action action) noexcept;
std::string_view name_of(Step::Result result) noexcept;

struct Means {
  // Another registry can be asked, for contents, and for what a tag of a repository points at there.
  bool can_fetch = false;
};

std::vector<Step> plan(const Findings& findings, store::Store& store, Contents& contents, const Means& means);

}  // namespace caisson::registry::doctor
