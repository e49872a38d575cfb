#include "rules/language.h"

#include <algorithm>
#include <numeric>

namespace caisson::rules {

namespace {

// Levenshtein distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

void Language::add_directives(std::span<const DirectiveSpec> specs) {
  directives_.insert(directives_.end(), specs.begin(), specs.end());
}

void Language::add_refused(std::span<const RefusedDirective> refused) {
  refused_.insert(refused_.end(), refused.begin(), refused.end());
}

void Language::add_variables(std::span<const VariableSpec> specs) {
  variables_.insert(variables_.end(), specs.begin(), specs.end());
}

std::vector<const DirectiveSpec*> Language::find(std::string_view name) const {
  std::vector<const DirectiveSpec*> found;
  for (const DirectiveSpec& spec : directives_) {
    if (spec.name == name) found.push_back(&spec);
  }
  return found;
}

const RefusedDirective* Language::find_refused(std::string_view name) const {
  for (const RefusedDirective& refused : refused_) {
    const bool family = refused.name.ends_with('*');
    const std::string_view text = refused.name.substr(0, refused.name.size() - (family ? 1 : 0));
    if (family ? name.starts_with(text) : name == text) return &refused;
  }
  return nullptr;
}

std::string_view Language::nearest(std::string_view name) const {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 4) + 1;
  for (const DirectiveSpec& spec : directives_) {
    const std::size_t d = distance(name, spec.name);
    if (d < best_distance) {
      best_distance = d;
      best = spec.name;
    }
  }
  return best;
}

}  // namespace caisson::rules
