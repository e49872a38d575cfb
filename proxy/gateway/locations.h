// Which location of a server answers a path. ngx_http_core_module: location.
//
// Ownership: part of the settings. Threading: read-only after loading.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/level.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/regex.h"

namespace caisson::gateway {

struct Location {
  enum class Kind {
    Prefix,        // /v2/
    StrongPrefix,  // ^~ /v2/: no regex is tried after it
    Exact,         // = /v2/
    Regex,         // ~ and ~*
    Named,         // @name
  };
  Kind kind = Kind::Prefix;
  std::string text;  // what the path begins with or is; the name with its "@"
  std::optional<rules::Regex> regex;
  std::vector<std::size_t> captures;  // variables that the regex's named groups set
  rules::Level* level = nullptr;
};

// The locations that stand directly inside one server or location block.
struct Locations {
  std::vector<std::unique_ptr<Location>> all;
};

// Which location a level is, for levels that are one (and for an `if` inside it).
struct OwnLocation {
  const Location* location = nullptr;
  void inherit(const OwnLocation& outer, rules::Block kind) {
    if (location == nullptr && kind != rules::Location) location = outer.location;
  }
};

struct FoundLocation {
  const Location* location = nullptr;  // null: none matches
  bool missing_slash = false;          // the path is the location's text but for its last '/': redirect to it
};

// Looks below `level` (a server's) for the location of a path; runs the regexes in order and leaves the captures of the
// one that matched in `state`.
FoundLocation find_location(const rules::Level& level, std::string_view path, rules::RequestState& state);
// Null when there is none.
const Location* find_named_location(const rules::Level& server, std::string_view name);

void describe_locations(rules::Language& language);

}  // namespace caisson::gateway
