// A configuration as it was written: directives with their arguments and blocks, each with the place it stands. No
// directive's meaning is known here; rules/ gives them one.
//
// Ownership: plain values. Threading: none of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace caisson::config {

// Where a directive ends: the line of its ";" or "{", which is the line that nginx names in messages.
struct SourcePos {
  std::string file;   // empty: the -g option of the command line
  unsigned line = 1;  // 0: `file` says it all, such as the name of an environment variable

  // "/etc/nginx/nginx.conf:12" or "command line"; what follows the word "in" of a message.
  std::string str() const;
};

// One directive, or one line of a block that holds pairs (map, types, geo): there the name is the first word.
// Words are unquoted and unescaped. As in nginx, nothing tells afterwards whether a word stood in quotes.
struct Directive {
  std::string name;
  std::vector<std::string> args;
  SourcePos at;
  std::vector<Directive> block = {};
  bool has_block = false;
  unsigned first_line = at.line;  // where the name stands; earlier than at.line when the directive spans lines
  unsigned order = 0;             // its place in the reading, over all files; even, so that a ParseError fits between
};

// "MESSAGE in FILE:LINE", nginx's form, with an optional hint in parentheses behind it.
Error error_at(const SourcePos& at, std::string_view message, std::string_view hint = {});

// "\"NAME\" directive PROBLEM in FILE:LINE".
Error config_error(const Directive& directive, std::string_view problem, std::string_view hint = {});

// "invalid number of arguments in \"NAME\" directive in FILE:LINE". When the directive spans lines, the hint says that
// the first of them may have lost its semicolon.
Error wrong_argument_count(const Directive& directive);

}  // namespace caisson::config
