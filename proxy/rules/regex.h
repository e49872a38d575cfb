// A PCRE2 pattern, compiled once, with match and depth limits so that no pattern and subject stall a loop.
//
// Ownership: a shared, immutable value. Threading: matches() from any thread at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace caisson::rules {

// What a match captured: [0] is the whole match. An unset group is empty.
using Captures = std::vector<std::string>;

class Regex {
 public:
  enum class Case { Sensitive, Ignored };

  // The error is in nginx's words, without file and line.
  static Result<Regex> compile(std::string_view pattern, Case letters);

  enum class Outcome { Match, NoMatch, LimitReached };
  // `captures`, when given, is replaced on a match only.
  Outcome match(std::string_view subject, Captures* captures) const;

  const std::string& pattern() const noexcept { return pattern_; }
  // Names of groups and their numbers.
  const std::vector<std::pair<std::string, std::size_t>>& names() const noexcept { return names_; }

 private:
  Regex() = default;
  std::shared_ptr<void> code_;  // pcre2_code
  std::string pattern_;
  std::vector<std::pair<std::string, std::size_t>> names_;
};

}  // namespace caisson::rules
