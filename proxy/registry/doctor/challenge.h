// What a registry asks for in WWW-Authenticate (RFC 9110, section 11.6.1; RFC 6750, section 3, for bearer tokens).
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caisson::registry::doctor {

struct Challenge {
  std::string scheme;                                           // in lower case
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case

  // "" when there is none.
  std::string_view find(std::string_view name) const noexcept;
};

// All challenges of one header's value; what cannot be read ends the list.
std::vector<Challenge> parse_challenges(std::string_view value);

}  // namespace caisson::registry::doctor
