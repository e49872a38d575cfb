// Splits configuration text into statements, a statement being words up to ";", "{" or "}", exactly where nginx 1.22
// splits them (ngx_conf_read_token): quotes, escapes, comments, "${name}" inside a word. Unlike nginx it goes on after
// a problem, and a word may be of any length.
//
// Ownership: views the text, which must outlive it. Threading: none of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::config {

struct Problem {
  unsigned line = 1;
  std::string what;  // in nginx's words
  std::string hint;  // empty when there is nothing to add
};

struct Statement {
  enum class End {
    Semicolon,   // words ";"
    BlockStart,  // words "{"; without words when the name is missing, which is a problem already noted
    BlockEnd,    // "}"
    TextEnd,     // nothing follows
    CutOff,      // the text ends inside a statement, which is a problem already noted
  };
  End end = End::TextEnd;
  std::vector<std::string> words;  // unquoted and unescaped
  unsigned first_line = 1;         // of the first word
  unsigned line = 1;               // of what ended it
};

class Lexer {
 public:
  enum class Origin { File, CommandLine };

  Lexer(std::string_view text, Origin origin) : text_(text), origin_(origin) {}

  // REQUIRES: the last one did not end with TextEnd or CutOff.
  Statement next();

  // Passes over the rest of a block whose inside is not directives but Lua (lua-nginx-module's *_by_lua_block), to
  // behind its "}"; braces in Lua strings and comments do not count. False when the text ends first.
  bool skip_lua_block();

  std::vector<Problem>& problems() noexcept { return problems_; }

 private:
  bool at_end() const noexcept { return position_ >= text_.size(); }
  char take();
  void skip_comment();
  std::string read_word();
  std::optional<std::string> read_quoted(char quote);  // nothing when the text ends first
  void note(std::string what, std::string hint = {});
  void note_cut_off(std::string hint = {});

  std::string_view text_;
  Origin origin_;
  std::size_t position_ = 0;
  unsigned line_ = 1;
  std::vector<Problem> problems_;
};

}  // namespace caisson::config
