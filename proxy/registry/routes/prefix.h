// Where a registry's paths begin when they do not begin with "/v2/".
//
//     registry_prefix PATH;        the registry's paths begin with it, as in "/reg/v2/"; also for what the registry
//                                  inside tells its clients
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "registry/routes/route.h"
#include "rules/language.h"

namespace caisson::registry {

struct Prefix {
  std::optional<std::string> path;  // "/reg", without the slash at the end

  void inherit(const Prefix& outer) { rules::inherit(path, outer.path); }
  std::string_view str() const noexcept { return path ? std::string_view(*path) : std::string_view(); }
};

// The route of a path behind the prefix; Unknown when it does not begin so. "/" is alive whatever the prefix.
Route find_route_behind(std::string_view prefix, std::string_view path) noexcept;

void describe_prefix(rules::Language& language);

}  // namespace caisson::registry
