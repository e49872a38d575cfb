#include "registry/doctor/report.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <sstream>

namespace caisson::registry::doctor {
namespace {

using Json = nlohmann::ordered_json;
using Role = Image::Problem::Role;

constexpr std::array<std::string_view, 4> kRoles{"tag", "manifest", "child", "blob"};

bool is_mended(const Image& image, const Findings& left) {
  return std::none_of(image.problems.begin(), image.problems.end(),
                      [&](const auto& problem) { return left.contains(problem.finding); });
}

std::string name_of(const Image& image) {
  if (image.tag.empty()) return image.repository + '@' + (image.digest ? image.digest->str() : "");
  return image.repository + ':' + image.tag + (image.digest ? "  " + image.digest->str() : "");
}

// What stands before a sentence that no image gives a place.
std::string place_of(const Finding& finding) {
  if (finding.repository.empty()) return {};
  return finding.repository + (finding.tag.empty() ? "" : ':' + finding.tag) + ": ";
}

std::string amount(std::uint64_t number, std::string_view of) {
  return std::to_string(number) + ' ' + std::string(of) + (number == 1 ? "" : "s");
}

void write_images(const Outcome& outcome, std::ostream& out) {
  if (outcome.found.images.empty()) return;
  out << "\nImages that " << (outcome.repaired ? "could not" : "cannot")
      << " be pulled whole: " << outcome.found.images.size() << '\n';
  for (const Image& image : outcome.found.images) {
    out << "  " << name_of(image) << (outcome.repaired && is_mended(image, outcome.left) ? "  (mended)" : "") << '\n';
    for (const Image::Problem& problem : image.problems) {
      out << "      " << sentence(outcome.found.findings.at(problem.finding), problem.role) << '\n';
    }
  }
}

// Findings that no image's lines tell.
void write_others(const Outcome& outcome, std::ostream& out) {
  std::set<std::string> told;
  for (const Image& image : outcome.found.images) {
    for (const Image::Problem& problem : image.problems) told.insert(problem.finding);
  }
  std::vector<std::string> damage;
  std::vector<std::string> notes;
  for (const auto& [key, finding] : outcome.found.findings) {
    if (told.contains(key)) continue;
    const bool mended = outcome.repaired && !outcome.left.contains(key);
    (finding.is_damage() ? damage : notes)
        .push_back(place_of(finding) + sentence(finding, Role::Blob) + (mended ? "  (mended)" : ""));
  }
  if (const auto dangling = outcome.found.counts.dangling_layers; dangling > 0) {
    notes.push_back(amount(dangling, "layer link") + " that no manifest needs lead to nothing, as registry:2's " +
                    "collection leaves them");
  }
  if (!damage.empty()) out << "\nOther damage: " << damage.size() << '\n';
  for (const std::string& line : damage) out << "  " << line << '\n';
  if (!notes.empty()) out << "\nHarmless, and worth knowing:\n";
  for (const std::string& line : notes) out << "  " << line << '\n';
}

void write_steps(const Outcome& outcome, std::ostream& out) {
  if (outcome.steps.empty()) return;
  out << (outcome.repaired ? "\nDone:\n" : "\nWhat --repair would do:\n");
  for (const Step& step : outcome.steps) {
    out << "  " << describe(step);
    if (step.result == Step::Result::Failed) out << ": FAILED, " << step.problem;
    if (step.result == Step::Result::Unneeded) out << ": somebody else did";
    out << '\n';
  }
}

void write_verdict(const Outcome& outcome, std::ostream& out) {
  out << '\n';
  if (outcome.is_clean()) {
    out << (outcome.found.has_damage() ? "All of it is mended.\n" : "Nothing is damaged.\n");
    return;
  }
  const auto gone = [](const auto& entry) {
    const Finding& finding = entry.second;
    return finding.place == Place::Content && !finding.needed_in.empty() && finding.fault != Fault::Unreadable;
  };
  const auto lost = std::count_if(outcome.left.begin(), outcome.left.end(), gone);
  if (lost > 0) {
    out << amount(static_cast<std::uint64_t>(lost), "content")
        << " of images cannot be had from this volume any more: another registry that has them brings them back "
        << "(--repair --from URL), or whoever pushes the images again.\n";
  }
  const auto rights = [](const auto& entry) {
    return entry.second.fault == Fault::Unreadable || entry.second.fault == Fault::NotWritable;
  };
  if (std::any_of(outcome.left.begin(), outcome.left.end(), rights)) {
    out << "What cannot be read or written belongs to another user: chown -R USER \"" << outcome.root
        << "\" gives it to the one who serves.\n";
  }
  out << "The volume is damaged.\n";
}

Json or_null(const std::optional<store::Digest>& digest) { return digest ? Json(digest->str()) : Json(nullptr); }

void put_place(const Finding& finding, Json& json) {
  if (!finding.repository.empty()) json["repository"] = finding.repository;
  if (!finding.tag.empty()) json["tag"] = finding.tag;
  if (finding.digest) json["digest"] = finding.digest->str();
  if (!finding.path.empty()) json["path"] = finding.path;
}

Json json_of(const Image& image, const Outcome& outcome) {
  Json json{{"repository", image.repository}, {"tag", image.tag.empty() ? Json(nullptr) : Json(image.tag)}};
  json["digest"] = or_null(image.digest);
  json["mended"] = is_mended(image, outcome.left);
  for (const Image::Problem& problem : image.problems) {
    const Finding& finding = outcome.found.findings.at(problem.finding);
    json["problems"].push_back({{"code", finding.code()},
                                {"role", kRoles[static_cast<std::size_t>(problem.role)]},
                                {"digest", or_null(finding.digest)},
                                {"text", sentence(finding, problem.role)}});
  }
  return json;
}

Json json_of(const Finding& finding, bool mended) {
  Json json{{"code", finding.code()}, {"damage", finding.is_damage()}, {"mended", mended}};
  put_place(finding, json);
  if (!finding.detail.empty()) json["detail"] = finding.detail;
  if (!finding.needed_in.empty()) json["needed_in"] = finding.needed_in;
  return json;
}

Json json_of(const Step& step) {
  Json json{{"action", name_of(step.action)}, {"result", name_of(step.result)}, {"code", step.finding.code()}};
  put_place(step.finding, json);
  if (step.target) json["target"] = step.target->str();
  if (!step.problem.empty()) json["problem"] = step.problem;
  json["text"] = describe(step);
  return json;
}

}  // namespace

bool Outcome::is_clean() const noexcept {
  return std::none_of(left.begin(), left.end(), [](const auto& entry) { return entry.second.is_damage(); });
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 ? 0 : 1) << size << ' ' << units[unit];
  return std::move(text).str();
}

void write_text(const Outcome& outcome, std::ostream& out) {
  const Counts& counts = outcome.found.counts;
  out << outcome.root << ": "
      << (counts.repositories == 1 ? "1 repository" : std::to_string(counts.repositories) + " repositories") << ", "
      << amount(counts.tags, "tag") << ", " << amount(counts.manifests, "manifest") << ", "
      << amount(counts.layers, "layer link") << "; ";
  if (outcome.digests) {
    out << "digests of " << amount(counts.contents, "content") << " computed, " << size_text(counts.bytes) << '\n';
  } else {
    out << "digests of manifests alone computed\n";
  }
  write_images(outcome, out);
  write_others(outcome, out);
  write_steps(outcome, out);
  write_verdict(outcome, out);
}

void write_json(const Outcome& outcome, std::ostream& out) {
  const Counts& counts = outcome.found.counts;
  Json json;
  json["version"] = 1;
  json["verdict"] = !outcome.is_clean() ? "damaged" : outcome.found.has_damage() ? "mended" : "clean";
  json["root"] = outcome.root;
  json["digests"] = outcome.digests;
  json["counts"] = {{"repositories", counts.repositories}, {"tags", counts.tags},
                    {"manifests", counts.manifests},       {"layers", counts.layers},
                    {"uploads", counts.uploads},           {"dangling_layers", counts.dangling_layers},
                    {"contents", counts.contents},         {"bytes", counts.bytes}};
  json["images"] = Json::array();
  for (const Image& image : outcome.found.images) json["images"].push_back(json_of(image, outcome));
  json["findings"] = Json::array();
  for (const auto& [key, finding] : outcome.found.findings) {
    json["findings"].push_back(json_of(finding, !outcome.left.contains(key)));
  }
  json["repairs"] = Json::array();
  for (const Step& step : outcome.steps) json["repairs"].push_back(json_of(step));
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace caisson::registry::doctor
