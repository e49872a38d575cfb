#include "config/parser.h"

#include <doctest/doctest.h>

using namespace caisson;
using namespace caisson::config;

namespace {

Parsed parse_one(const std::string& text) {
  MemorySource source({{"/etc/a.conf", text}});
  return parse(source, "/etc/a.conf");
}

// The tree on one line, each word in brackets: [server]{[listen][80];}
std::string shape(const std::vector<Directive>& directives) {
  std::string out;
  for (const Directive& directive : directives) {
    out += '[' + directive.name + ']';
    for (const std::string& arg : directive.args) out += '[' + arg + ']';
    out += directive.has_block ? '{' + shape(directive.block) + '}' : ";";
  }
  return out;
}

std::string words(const std::string& text) {
  Parsed parsed = parse_one(text);
  REQUIRE(parsed.errors.empty());
  return shape(parsed.directives);
}

std::vector<std::string> problems(const Parsed& parsed) {
  std::vector<std::string> out;
  for (const Error& error : parsed.errors) out.push_back(error.what);
  return out;
}

using Problems = std::vector<std::string>;

}  // namespace

TEST_CASE("directives nest, several to a line and one over several lines") {
  CHECK(words("server { listen 80; listen\n  443\n ssl; location / {} }") ==
        "[server]{[listen][80];[listen][443][ssl];[location][/]{}}");
}

TEST_CASE("comments end with their line and do not begin inside a word") {
  CHECK(words("# a { b\nroot /a#b; # c;\n#") == "[root][/a#b];");
}

TEST_CASE("quotes keep spaces, semicolons, braces and line ends together") {
  CHECK(words("return 200 \"a; {b}\n# c\";") == "[return][200][a; {b}\n# c];");
  CHECK(words("add_header 'a b' '';") == "[add_header][a b][];");
  CHECK(words("x a\"b c'd;") == "[x][a\"b][c'd];");
}

TEST_CASE("a backslash escapes quotes, backslashes and t r n, and stays before anything else") {
  CHECK(words(R"(x "\"\'\\\t\r\n\.\/";)") == "[x][\"'\\\t\r\n\\.\\/];");
  CHECK(words(R"(x \.php$ a\ b \;;)") == R"([x][\.php$][a\ b][\;];)");
}

TEST_CASE("braces right behind a dollar sign belong to the word") {
  CHECK(words("set $a ${b}c;") == "[set][$a][${b}c];");
  CHECK(words("if ($a) {}") == "[if][($a)]{}");
}

TEST_CASE("a bracket may touch a closing quote") {
  CHECK(words("if ($a = \"b\") {}") == "[if][($a][=][b][)]{}");
  CHECK(words("if ($a = \"b\"){}") == "[if][($a][=][b][)]{}");
}

TEST_CASE("the registry recipe's user-agent rule comes through unharmed") {
  CHECK(words(R"(if ($http_user_agent ~ "^(docker\/1\.(3|4|5(?!\.[0-9]-dev))|Go ).*$" ) { return 404; })") ==
        R"([if][($http_user_agent][~][^(docker\/1\.(3|4|5(?!\.[0-9]-dev))|Go ).*$][)]{[return][404];})");
}

TEST_CASE("pairs in map and types blocks are read by the same rules") {
  CHECK(words("map $a $b { '' 'registry/2.0'; ~^a\\d x; }") == "[map][$a][$b]{[][registry/2.0];[~^a\\d][x];}");
}

TEST_CASE("carriage returns are space, and a byte order mark is passed over") {
  CHECK(words("\xEF\xBB\xBFuser a;\r\npid b;\r\n") == "[user][a];[pid][b];");
}

TEST_CASE("a quoted word may be many kilobytes long") {
  const std::string script(64 * 1024, 'x');
  CHECK(words("return 200 \"" + script + "\";") == "[return][200][" + script + "];");
}

TEST_CASE("a directive stands where it ends, as nginx counts, and remembers where it began") {
  const Parsed parsed = parse_one("a;\n\nb\n c\n;\nd {\n e 'x\n';\n}\n");
  REQUIRE(parsed.directives.size() == 3);
  CHECK(parsed.directives[1].at.str() == "/etc/a.conf:5");
  CHECK(parsed.directives[1].first_line == 3);
  CHECK(parsed.directives[2].at.line == 6);
  CHECK(parsed.directives[2].block[0].at.line == 8);
}

TEST_CASE("problems are told in nginx's words with the place, and reading goes on to the next one") {
  const Parsed parsed = parse_one("a \"b\"c;\n;\nserver {\n listen 80\n}\n}\nd;\n{ e; }\nhttp {\n f x;");
  CHECK(problems(parsed) == Problems{
                                "unexpected \"c\" in /etc/a.conf:1",
                                "unexpected \";\" in /etc/a.conf:2",
                                "unexpected \"}\" in /etc/a.conf:5 (is a \";\" missing before it?)",
                                "unexpected \"}\" in /etc/a.conf:6",
                                "unexpected \"{\" in /etc/a.conf:8",
                                "unexpected end of file, expecting \"}\" in /etc/a.conf:10 "
                                "(\"http\" of line 9 is still open)",
                            });
  CHECK(shape(parsed.directives) == "[a][b][c];[server]{[listen][80];}[d];[http]{[f][x];}");
}

TEST_CASE("a text that ends inside a directive is told once, with the quote that was left open") {
  CHECK(problems(parse_one("http {\n a b\n")) ==
        Problems{"unexpected end of file, expecting \";\" or \"}\" in /etc/a.conf:3"});
  CHECK(problems(parse_one("a 'b;\nc;\n")) == Problems{"unexpected end of file, expecting \";\" or \"}\" in "
                                                       "/etc/a.conf:3 (the ' in line 1 is never closed)"});
  CHECK(problems(parse_one("a \\")).size() == 1);
}

TEST_CASE("blocks nested without end are refused instead of using up the stack") {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "a{";
  CHECK(problems(parse_one(text)) == Problems{"blocks are nested too deeply in /etc/a.conf:1"});
}

TEST_CASE("an include stands for what it includes, relative to the main file's folder, patterns in order") {
  MemorySource source({
      {"/etc/nginx/nginx.conf", "http {\n include conf.d/*.conf;\n types { include mime.types; }\n include none/*; }"},
      {"/etc/nginx/conf.d/b.conf", "b;"},
      {"/etc/nginx/conf.d/a.conf", "a;\ninclude snippets/c;"},
      {"/etc/nginx/conf.d/.hidden.conf", "h;"},
      {"/etc/nginx/snippets/c", "c;"},
      {"/etc/nginx/mime.types", "text/html html htm;"},
  });
  const Parsed parsed = parse(source, "/etc/nginx/nginx.conf");
  CHECK(problems(parsed) == Problems{});
  CHECK(shape(parsed.directives) == "[http]{[a];[c];[b];[types]{[text/html][html][htm];}}");
  CHECK(parsed.directives[0].block[1].at.str() == "/etc/nginx/snippets/c:1");
}

TEST_CASE("an include that cannot be read says why and where it stands") {
  CHECK(problems(parse_one("x;\ninclude nothere;\ninclude;\ninclude a b;")) ==
        Problems{"open() \"/etc/nothere\" failed (2: No such file or directory) in /etc/a.conf:2",
                 "invalid number of arguments in \"include\" directive in /etc/a.conf:3",
                 "invalid number of arguments in \"include\" directive in /etc/a.conf:4"});
}

TEST_CASE("a main file that is not there has no place to name") {
  MemorySource source({});
  CHECK(problems(parse(source, "/etc/a.conf")) ==
        Problems{"open() \"/etc/a.conf\" failed (2: No such file or directory)"});
}

TEST_CASE("a file that includes itself, also by way of another, is refused") {
  MemorySource source({{"/a", "include b;"}, {"/b", "include a; x;"}});
  const Parsed parsed = parse(source, "/a");
  CHECK(problems(parsed) == Problems{"\"/a\" includes itself in /b:1"});
  CHECK(shape(parsed.directives) == "[x];");
}

TEST_CASE("a closing brace in an included file does not close the block around the include") {
  MemorySource source({{"/a", "http { include b; y; }"}, {"/b", "x; }"}});
  const Parsed parsed = parse(source, "/a");
  CHECK(problems(parsed) == Problems{"unexpected \"}\" in /b:1"});
  CHECK(shape(parsed.directives) == "[http]{[x];[y];}");
}

TEST_CASE("the -g option takes directives without blocks") {
  MemorySource source({});
  const auto option = [&](std::string_view text) { return parse_option(source, text, "/etc/a.conf"); };
  CHECK(shape(option("daemon off; pid /run/x;").directives) == "[daemon][off];[pid][/run/x];");
  CHECK(problems(option("daemon off")) == Problems{"unexpected end of parameter, expecting \";\" in command line"});
  CHECK(problems(option("a { }")) == Problems{"block directives are not supported in -g option in command line"});
  CHECK(option("").errors.empty());
}

TEST_CASE("the Lua in a *_by_lua_block is passed over, so the directive itself can be refused by name") {
  const Parsed parsed = parse_one("access_by_lua_block {\n if x then y = {'}'} end -- }\n --[[ } ]] z = [[}]]\n}\na;");
  CHECK(problems(parsed) == Problems{});
  CHECK(shape(parsed.directives) == "[access_by_lua_block]{}[a];");
}

TEST_CASE("what a recording source has read is enough to parse again without the source") {
  MemorySource disk({{"/a", "include d/*; include b;"}, {"/d/1", "x;"}, {"/d/2", "y;"}, {"/b", "z;"}, {"/c", ""}});
  RecordingSource recording(disk);
  const Parsed first = parse(recording, "/a");
  REQUIRE(recording.files().size() == 4);
  CHECK(recording.files()[0].first == "/a");
  MemorySource replay(recording.files());
  CHECK(shape(parse(replay, "/a").directives) == shape(first.directives));
}
