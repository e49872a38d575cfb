#include "rules/variables.h"

#include "base/text.h"
#include "rules/nearest.h"

namespace caisson::rules {

std::optional<Value>& RequestState::remembered(std::size_t index) {
  if (index >= values_.size()) values_.resize(variables_.size());
  return values_[index];
}

Value RequestState::variable(std::size_t index) { return variables_.get(index, *this, main().remembered(index)); }

void RequestState::set_variable(std::size_t index, Value value) {
  if (variables_.assign(index, *this, value)) return;
  main().remembered(index) = std::move(value);
}

const VariableSpec* VariableTable::known(std::string_view name) const {
  const VariableSpec* family = nullptr;
  for (const VariableSpec& spec : known_) {
    if (!spec.family && spec.name == name) return &spec;
    if (spec.family && name.starts_with(spec.name)) {
      if (family == nullptr || spec.name.size() > family->name.size()) family = &spec;
    }
  }
  return family;
}

std::size_t VariableTable::use(std::string_view written) {
  const std::string name = text::lowered(written);
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  Variable variable;
  variable.name = name;
  variable.spec = known(name);
  variables_.push_back(std::move(variable));
  by_name_.emplace(name, variables_.size() - 1);
  return variables_.size() - 1;
}

std::size_t VariableTable::define(std::string_view name, Getter getter, bool remembered) {
  const std::size_t index = use(name);
  Variable& variable = variables_[index];
  variable.made = true;
  if (getter) {
    variable.remembered = remembered;
    variable.getter = std::move(getter);
  }
  return index;
}

void VariableTable::when_unset(std::size_t index, Getter unset) {
  Variable& variable = variables_[index];
  if (!variable.getter && variable.spec == nullptr) variable.getter = std::move(unset);
}

bool VariableTable::fixed(std::string_view name) const {
  const VariableSpec* spec = known(text::lowered(name));
  return spec != nullptr && !spec->family && spec->assign == nullptr && !spec->settable;
}

std::vector<std::size_t> VariableTable::undefined() const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < variables_.size(); ++i) {
    if (!variables_[i].made && variables_[i].spec == nullptr) indices.push_back(i);
  }
  return indices;
}

std::string_view VariableTable::nearest(std::string_view name) const {
  Nearest best(name);
  for (const VariableSpec& spec : known_) {
    if (!spec.family) best.offer(spec.name);
  }
  for (const Variable& variable : variables_) {
    if (variable.made) best.offer(variable.name);
  }
  return best.name();
}

Value VariableTable::get(std::size_t index, RequestState& state, std::optional<Value>& memory) const {
  if (memory) return *memory;
  const Variable& variable = variables_[index];
  if (variable.getter) {
    Value value = variable.getter(state);
    if (variable.remembered) memory = value;
    return value;
  }
  if (variable.spec == nullptr) return std::nullopt;
  std::string_view rest = variable.name;
  if (variable.spec->family) rest.remove_prefix(variable.spec->name.size());
  return variable.spec->get(state, rest);
}

bool VariableTable::assign(std::size_t index, RequestState& state, const Value& value) const {
  const Variable& variable = variables_[index];
  if (variable.spec == nullptr || variable.spec->assign == nullptr) return false;
  variable.spec->assign(state, value.value_or(std::string()));
  return true;
}

}  // namespace caisson::rules
