#include "registry/doctor/plan.h"

#include <algorithm>
#include <array>

#include "registry/doctor/tag_history.h"

namespace caisson::registry::doctor {
namespace {

using Action = Step::Action;

constexpr std::array<std::string_view, 6> kActions{"set-aside", "relink", "unlink", "point-tag", "fetch", "discard"};
constexpr std::array<std::string_view, 4> kResults{"planned", "done", "failed", "unneeded"};

class Planner {
 public:
  Planner(store::Store& store, Contents& contents, const Means& means)
      : store_(store), contents_(contents), means_(means) {}

  void consider(const Finding& finding) {
    switch (finding.place) {
      case Place::Content:
        return consider_content(finding);
      case Place::LayerLink:
      case Place::RevisionLink:
        return consider_link(finding);
      case Place::TagLink:
        return consider_tag(finding);
      case Place::HistoryLink:
        return add(Action::Relink, finding);  // its name says what it holds
      case Place::Upload:
        return add(Action::Discard, finding);
      case Place::Folder:
        return;
    }
  }

  std::vector<Step> take() {
    std::stable_sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) { return a.action < b.action; });
    return std::move(steps_);
  }

 private:
  void consider_content(const Finding& finding) {
    if (finding.fault == Fault::Unreadable || finding.fault == Fault::NotAManifest) return;
    if (finding.fault == Fault::Damaged || finding.fault == Fault::Empty) add(Action::SetAside, finding);
    if (means_.can_fetch && !finding.needed_in.empty()) add(Action::Fetch, finding);
  }

  void consider_link(const Finding& finding) {
    if (finding.fault == Fault::Unreadable) return;
    // Its bytes decide: whoever links content without looking makes one fault of another.
    if (!contents_.examine(*finding.digest).fault) return add(Action::Relink, finding);
    if (finding.fault == Fault::Empty || finding.fault == Fault::Malformed) add(Action::Unlink, finding);
  }

  void consider_tag(const Finding& finding) {
    if (finding.fault == Fault::Unreadable) return;
    auto name = store::RepositoryName::parse(finding.repository);
    auto tag = store::Tag::parse(finding.tag);
    if (!name.ok() || !tag.ok()) return;
    const std::vector<store::Digest> history = tag_history(store_, name.value(), tag.value());
    // With several the other registry can say which; a digest that the tag never had is not taken from it.
    if (history.size() == 1) return add(Action::PointTag, finding, history.front());
    if (!history.empty() && means_.can_fetch) add(Action::PointTag, finding);
  }

  void add(Action action, const Finding& finding, std::optional<store::Digest> target = {}) {
    steps_.push_back({action, finding, std::move(target), Step::Result::Planned, {}});
  }

  store::Store& store_;
  Contents& contents_;
  const Means& means_;
  std::vector<Step> steps_;
};

std::string thing(const Finding& finding) {
  return (finding.manifest ? "manifest " : "blob ") + (finding.digest ? finding.digest->str() : std::string());
}

}  // namespace

std::string_view name_of(Action action) noexcept { return kActions[static_cast<std::size_t>(action)]; }
std::string_view name_of(Step::Result result) noexcept { return kResults[static_cast<std::size_t>(result)]; }

std::string describe(const Step& step) {
  const Finding& finding = step.finding;
  switch (step.action) {
    case Action::SetAside:
      return "move what is stored as " + thing(finding) + " to v2/_damaged/";
    case Action::Relink:
      return finding.place == Place::HistoryLink
                 ? "re-make the link of " + finding.digest->str() + " in the history of " + finding.repository + ':' +
                       finding.tag
                 : "re-make the link of " + thing(finding) + " in " + finding.repository;
    case Action::Unlink:
      return "remove the link of " + thing(finding) + " in " + finding.repository;
    case Action::PointTag:
      return "point " + finding.repository + ':' + finding.tag + " at " +
             (step.target ? step.target->str() : "what it is in the other registry, if it was that here, too");
    case Action::Fetch:
      return "fetch " + thing(finding);
    case Action::Discard:
      return "remove upload " + finding.path + " in " + finding.repository;
  }
  return {};
}

std::vector<Step> plan(const Findings& findings, store::Store& store, Contents& contents, const Means& means) {
  Planner planner(store, contents, means);
  for (const auto& [key, finding] : findings) planner.consider(finding);
  return planner.take();
}

}  // namespace caisson::registry::doctor
