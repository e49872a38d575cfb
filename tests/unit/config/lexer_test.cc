#include "config/lexer.h"

#include <doctest/doctest.h>

using namespace caisson::config;

namespace {

// What a text is divided into, and what is wrong with it: "[a][b]; [c]{" and "1: unexpected ...".
struct Reading {
  std::string statements;
  std::string problems;
};

Reading read(std::string_view text) {
  Reading reading;
  Lexer lexer(text, Lexer::Origin::File);
  for (bool more = true; more;) {
    const Statement statement = lexer.next();
    for (const std::string& word : statement.words) reading.statements += '[' + word + ']';
    switch (statement.end) {
      case Statement::End::Semicolon:
        reading.statements += ';';
        break;
      case Statement::End::BlockStart:
        reading.statements += '{';
        break;
      case Statement::End::BlockEnd:
        reading.statements += '}';
        break;
      case Statement::End::TextEnd:
      case Statement::End::CutOff:
        more = false;
    }
  }
  for (const Problem& problem : lexer.problems()) {
    reading.problems += std::to_string(problem.line) + ": " + problem.what + '\n';
  }
  return reading;
}

}  // namespace

TEST_CASE("words are divided where nginx divides them") {
  struct Case {
    std::string_view text;
    std::string_view statements;
  };
  constexpr Case cases[] = {
      {"a;", "[a];"},
      {"  a\t b\r\n c ;", "[a][b][c];"},
      {"a b;c d;{}", "[a][b];[c][d];{}"},
      {"a{b;}c;", "[a]{[b];}[c];"},
      {"'a b' \"c;d\" '{' \"}\";", "[a b][c;d][{][}];"},
      {"a\"b c'd;", "[a\"b][c'd];"},
      {"a#b;", "[a#b];"},
      {"a #b;\nc;", "[a][c];"},
      {"\"a\"#b\n;", "[a];"},
      {"a ''; b \"\";", "[a][];[b][];"},
      {R"("a\"b\\c\td\.e" 'f\'g';)", "[a\"b\\c\td\\.e][f'g];"},
      {R"(a\ b \;c \$d;)", R"([a\ b][\;c][\$d];)"},
      {"${a}b c${d}{e};", "[${a}b][c${d}]{[e}];"},
      {"$a{b;", "[$a]{[b];"},
      {"a}b c};", "[a}b][c}];"},
      {"a $ $$ $1;", "[a][$][$$][$1];"},
      {"if ($a = \"b\") {", "[if][($a][=][b][)]{"},
      {"if ($a ~ \"(b{2})\"){", "[if][($a][~][(b{2})][)]{"},
      {"a \"line\nline\" b;", "[a][line\nline][b];"},
      {"a\vb\fc;", "[a\vb\fc];"},
      {"\xC3\xA4 \xFF;", "[\xC3\xA4][\xFF];"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Reading reading = read(c.text);
    CHECK(reading.statements == c.statements);
  }
}

TEST_CASE("what cannot be divided is told with its line, and reading goes on") {
  struct Case {
    std::string_view text;
    std::string_view problems;
  };
  constexpr Case cases[] = {
      {"a;", ""},
      {";", "1: unexpected \";\"\n"},
      {"a;;\n;", "1: unexpected \";\"\n2: unexpected \";\"\n"},
      {"{", "1: unexpected \"{\"\n"},
      {"a\n}", "2: unexpected \"}\"\n"},
      {"a b", "1: unexpected end of file, expecting \";\" or \"}\"\n"},
      {"a\n\n", "3: unexpected end of file, expecting \";\" or \"}\"\n"},
      {"a \"b\nc", "2: unexpected end of file, expecting \";\" or \"}\"\n"},
      {"a 'b", "1: unexpected end of file, expecting \";\" or \"}\"\n"},
      {"a \"b\"c;", "1: unexpected \"c\"\n"},
      {"a \"b\"\"c\";", "1: unexpected \"\"\"\n"},
      {"a \"b\"c;\nd 'e'f;", "1: unexpected \"c\"\n2: unexpected \"f\"\n"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(read(c.text).problems == c.problems);
  }
}

TEST_CASE("a script of many kilobytes with quotes inside is one word") {
  std::string script;
  for (int i = 0; i < 5'000; ++i) script += "echo \\\"line " + std::to_string(i) + "\\\" {}; # $HOME\n";
  const Reading reading = read("return 200 \"" + script + "\";");
  CHECK(reading.problems.empty());
  CHECK(reading.statements.size() > 130'000);
  CHECK(reading.statements.ends_with("echo \"line 4999\" {}; # $HOME\n];"));
}
