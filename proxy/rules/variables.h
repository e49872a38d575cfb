// The variables of the language: modules' own ($uri), families ($http_*), and those that a configuration makes (set,
// map, named captures). A configuration's table numbers those that it uses. Names have no case, as in nginx.
//
// Threading: built by the thread that loads, read-only afterwards.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rules/request_state.h"

namespace caisson::rules {

struct VariableSpec {
  std::string_view name;  // without "$"; a family's ends in '_': "http_"
  // For a family, `rest` is what follows its prefix: "user_agent".
  Value (*get)(RequestState& state, std::string_view rest);
  // `set $args ...;` and its like change the request; null: `set` on this name only shadows it.
  void (*assign)(RequestState& state, std::string value) = nullptr;
  bool family = false;
  bool settable = false;  // the configuration may make its own of this name, although nothing of the request changes
};

class VariableTable {
 public:
  using Getter = std::function<Value(RequestState&)>;

  explicit VariableTable(std::span<const VariableSpec> known) : known_(known.begin(), known.end()) {}

  // The number of a variable that is read somewhere. It need not be known yet.
  std::size_t use(std::string_view name);
  // A variable that the configuration makes: `set` without a getter, `map` with one. Remembered: its value is computed
  // once a request.
  std::size_t define(std::string_view name, Getter getter = nullptr, bool remembered = true);
  // Whether the name is one of the request's own, which a configuration cannot make.
  bool fixed(std::string_view name) const;
  // For `set`: `unset` gives the variable's value until it is written, unless something else of the configuration does.
  void when_unset(std::size_t index, Getter unset);

  // After loading: those that are used but that nobody defines.
  std::vector<std::size_t> undefined() const;
  const std::string& name(std::size_t index) const noexcept { return variables_[index].name; }
  // The known name nearest to a mistyped one, or "".
  std::string_view nearest(std::string_view name) const;

  Value get(std::size_t index, RequestState& state, std::optional<Value>& memory) const;
  // True when the assignment changed the request itself and is not to be remembered.
  bool assign(std::size_t index, RequestState& state, const Value& value) const;
  std::size_t size() const noexcept { return variables_.size(); }

 private:
  struct Variable {
    std::string name;
    Getter getter;
    const VariableSpec* spec = nullptr;
    bool made = false;  // by the configuration
    bool remembered = false;
  };
  const VariableSpec* known(std::string_view name) const;

  std::vector<VariableSpec> known_;
  std::vector<Variable> variables_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

}  // namespace caisson::rules
