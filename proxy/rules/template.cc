#include "rules/template.h"

#include "base/text.h"

namespace caisson::rules {

namespace {

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || text::is_digit(c) || c == '_';
}

// Reads the name behind a "$" and takes it off `rest`. An error's text is nginx's.
Result<std::string> take_name(std::string_view& rest) {
  const bool braced = rest.starts_with('{');
  if (braced) rest.remove_prefix(1);
  std::size_t length = 0;
  while (length < rest.size() && is_name_character(rest[length])) ++length;
  const std::string name(rest.substr(0, length));
  rest.remove_prefix(length);
  if (braced) {
    if (!rest.starts_with('}')) {
      return Error{ErrorCode::BadConfig, "the closing bracket in \"" + name + "\" variable is missing"};
    }
    rest.remove_prefix(1);
  }
  if (name.empty()) return Error{ErrorCode::BadConfig, "invalid variable name"};
  return name;
}

// ngx_escape_uri with NGX_ESCAPE_ARGS: what would end or divide a query.
void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view escaped = " #%&+;?";
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && escaped.find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
}

}  // namespace

Result<Template> Template::compile(std::string_view text, VariableTable& variables) {
  Template made;
  made.source_ = text;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) made.pieces_.emplace_back(std::move(literal));
    literal.clear();
  };
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    literal += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    // As nginx: "$1" is one digit, so "$12" is "$1" and "2" (ngx_http_script_compile).
    if (!text.empty() && text[0] >= '1' && text[0] <= '9') {
      end_literal();
      made.pieces_.emplace_back(Capture{static_cast<std::size_t>(text[0] - '0')});
      made.constant_ = false;
      text.remove_prefix(1);
      continue;
    }
    Result<std::string> name = take_name(text);
    if (!name.ok()) return std::move(name).error();
    end_literal();
    made.pieces_.emplace_back(Variable{variables.use(name.value())});
    made.constant_ = false;
  }
  end_literal();
  return made;
}

Template Template::constant_text(std::string text) {
  Template made;
  made.source_ = text;
  if (!text.empty()) made.pieces_.emplace_back(std::move(text));
  return made;
}

std::string Template::expand(RequestState& state, CaptureForm form) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    if (const auto* literal = std::get_if<std::string>(&piece)) {
      out += *literal;
    } else if (const auto* variable = std::get_if<Variable>(&piece)) {
      if (const Value value = state.variable(variable->index)) out += *value;
    } else {
      const std::size_t group = std::get<Capture>(piece).group;
      if (group >= state.captures.size()) continue;
      if (form == CaptureForm::Plain) {
        out += state.captures[group];
      } else {
        append_escaped(out, state.captures[group]);
      }
    }
  }
  return out;
}

Value Template::value(RequestState& state) const {
  if (pieces_.size() == 1) {
    if (const auto* variable = std::get_if<Variable>(&pieces_[0])) return state.variable(variable->index);
  }
  return expand(state);
}

}  // namespace caisson::rules
