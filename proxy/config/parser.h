// Text of a configuration to a tree of directives, with every "include" expanded where it stands.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/directive.h"
#include "config/source.h"

namespace caisson::config {

// What is wrong with the text, and where in the reading it was noticed: between directives of lower and higher order.
struct ParseError : Error {
  ParseError(Error error, unsigned at = 0) : Error(std::move(error)), order(at) {}
  unsigned order;
};

struct Parsed {
  std::vector<Directive> directives;       // what could be read, also when there are errors
  std::vector<ParseError> errors;          // in the order of the text; each in nginx's words
  unsigned next_order = 2;                 // for what is read after this
  std::vector<std::string> warnings = {};  // complete with their places
};

// The folder that relative paths of a configuration file start from: its own, with the slash at the end.
std::string folder_of(const std::string& path);

// Reads `path` and what it includes; relative includes start from the folder of `path`, as nginx's do, however deep the
// include. Blocks that hold pairs instead of directives (map, types) are read by the same rules.
// Directives are numbered from `first_order` on.
Parsed parse(Source& source, const std::string& path, unsigned first_order = 2);

// Reads the text of a -g option: directives without blocks. `path` is the configuration file, whose folder includes
// are relative to.
Parsed parse_option(Source& source, std::string_view directives, const std::string& path);

}  // namespace caisson::config
