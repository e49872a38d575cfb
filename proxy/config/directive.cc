#include "config/directive.h"

namespace caisson::config {

std::string SourcePos::str() const {
  if (file.empty()) return "command line";
  return line == 0 ? file : file + ':' + std::to_string(line);
}

Error error_at(const SourcePos& at, std::string_view message, std::string_view hint) {
  std::string what(message);
  what += " in ";
  what += at.str();
  if (!hint.empty()) {
    what += " (";
    what += hint;
    what += ')';
  }
  return {ErrorCode::BadConfig, std::move(what)};
}

Error config_error(const Directive& directive, std::string_view problem, std::string_view hint) {
  return error_at(directive.at, '"' + directive.name + "\" directive " + std::string(problem), hint);
}

Error wrong_argument_count(const Directive& directive) {
  std::string hint;
  if (directive.first_line < directive.at.line) {
    hint = "\"" + directive.name + "\" begins in line " + std::to_string(directive.first_line) +
           "; is a \";\" missing at the end of that line?";
  }
  return error_at(directive.at, "invalid number of arguments in \"" + directive.name + "\" directive", hint);
}

}  // namespace caisson::config
