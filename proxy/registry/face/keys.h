// All that registry:2's config.yml can say, one row a key: how its value is read, and what becomes of it.
//
// Threading: constant data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::registry::face {

enum class Kind : std::uint8_t {
  Text,
  Flag,
  Number,
  Duration,  // Go's: "1h30m", "10s"
  Texts,     // a list; one word alone is a list of one
  Any,       // whatever stands there and below
};

enum class Use : std::uint8_t {
  Taken,
  Silent,   // nothing to do here: accepted
  Told,     // accepted without effect, which a warning says, with `note`
  Refused,  // ends the start: going on without it would be wrong or unsafe. `note` is the way out
};

// In a path, "*" stands for a name of the user's choice, "[]" for an item of a list: "http.headers.*",
// "health.tcp[].addr".
struct Key {
  std::string_view path;
  Kind kind = Kind::Any;
  Use use = Use::Taken;
  std::string_view note = {};
};

// The row of a path such as "health.tcp[0].addr"; null when there is none. A row of Kind::Any answers for all below it.
const Key* find_key(std::string_view path);
// Whether keys stand below the path.
bool is_section(std::string_view path);
// What may follow the path: "storage" -> "filesystem", "delete", ...; "*" and "[]" as they are.
std::vector<std::string_view> names_below(std::string_view path);
// The name below the path that registry:2's variables have for another key of it (REGISTRY_HEALTH_TCPCHECKERS); "" when
// there is none.
std::string_view variable_alias(std::string_view path, std::string_view segment);
// Whether going on without an unknown key of that path could open a door or lose what was meant to be kept: the kind of
// access control, the storage driver.
bool must_be_known(std::string_view path);
// The known path nearest to a mistyped one, or "".
std::string_view nearest_key(std::string_view path);

// "parent.name"; a "[]" joins without a dot.
std::string below(std::string_view path, std::string_view name);

}  // namespace caisson::registry::face
