// What a request to a registry needs to be allowed: one function says it for every method and route (registry contract,
// section 7).
//
// Threading: none of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "registry/routes/route.h"

namespace caisson::registry {

struct Access {
  std::string type;    // "repository" or "registry"
  std::string name;    // as in the path: it need not be a good one
  std::string action;  // "pull", "push", "delete", "*"

  bool operator==(const Access&) const = default;
};

// In registry:2's order; one may stand there twice. None where any client that is known may ask.
std::vector<Access> required_accesses(std::string_view method, const Route& route, std::string_view args);

// The list as the detail of registry:2's 401: JSON.
std::string accesses_json(const std::vector<Access>& accesses);

// Set in RequestState::data by the access check that let the request in: its rights end at the repositories that it
// named, so nothing may be looked up in others for it.
struct RightsByRepository {
  bool limited = false;
};

}  // namespace caisson::registry
