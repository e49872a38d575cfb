#include "rules/language.h"

#include "rules/nearest.h"

namespace caisson::rules {

void Language::add_directives(std::span<const DirectiveSpec> specs) {
  directives_.insert(directives_.end(), specs.begin(), specs.end());
}

void Language::add_refused(std::span<const RefusedDirective> refused) {
  refused_.insert(refused_.end(), refused.begin(), refused.end());
}

void Language::add_variables(std::span<const VariableSpec> specs) {
  variables_.insert(variables_.end(), specs.begin(), specs.end());
}

void Language::add_settable_variables(std::span<const VariableSpec> specs) {
  for (VariableSpec spec : specs) {
    spec.settable = true;
    variables_.push_back(spec);
  }
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
  Nearest best(name);
  for (const DirectiveSpec& spec : directives_) best.offer(spec.name);
  return best.name();
}

}  // namespace caisson::rules
