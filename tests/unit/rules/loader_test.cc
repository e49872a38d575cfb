#include "rules/loader.h"

#include <doctest/doctest.h>

#include <array>

#include "rules/checks.h"
#include "rules/setters.h"

using namespace caisson;
using namespace caisson::rules;

namespace {

struct ColourSettings {
  std::optional<std::string> colour;
  std::optional<Template> text;
  void inherit(const ColourSettings& outer) { rules::inherit(colour, outer.colour); }
};

Result<void> read_http(Loader& loader, const config::Directive& d) {
  loader.read_block(d, Http);
  return {};
}
Result<void> read_server(Loader& loader, const config::Directive& d) {
  loader.read_block(d, Server);
  return {};
}
Result<void> define(Loader& loader, const config::Directive& d) {
  const auto made = loader.define_variable(d.args[0], d);
  return made.ok() ? Result<void>() : Result<void>(made.error());
}

constexpr auto none = DirectiveSpec::Body::None;
constexpr std::array directives = {
    DirectiveSpec{"http", Main, 0, 0, DirectiveSpec::Body::Required, &read_http},
    DirectiveSpec{"server", Http, 0, 0, DirectiveSpec::Body::Required, &read_server},
    DirectiveSpec{"colour", Http | Server, 1, 1, none, &set_text<&ColourSettings::colour>},
    DirectiveSpec{"text", Server, 1, 1, none, &set_template<&ColourSettings::text>},
    DirectiveSpec{"define", Http | Server, 1, 1, none, &define},
    DirectiveSpec{"tuning", Server, 1, 1, none, check_flag, "nothing is tuned"},
};
constexpr std::array refused = {RefusedDirective{"paint_*", "name the colour"}};
constexpr std::array variables = {
    VariableSpec{"shade", [](RequestState&, std::string_view) -> Value { return "dark"; }},
    VariableSpec{"tint_", [](RequestState&, std::string_view rest) -> Value { return std::string(rest); }, nullptr,
                 true},
};

struct Told {
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

Told load(const std::string& text) {
  Language language;
  language.add_directives(directives);
  language.add_refused(refused);
  language.add_variables(variables);
  config::MemorySource files({{"/a.conf", text}});
  Loader loader(language, files, {"/prefix/", "/", "stderr"}, {});
  auto loaded = loader.load(config::parse(files, "/a.conf"));
  Told told{{}, loaded.warnings};
  for (const Error& error : loaded.errors) told.errors.push_back(error.what);
  CHECK((loaded.settings == nullptr) == !told.errors.empty());
  return told;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("errors of the text and errors of its meaning are told together, in the order of the text") {
  CHECK(load("http {\nserver {\ncolor red;\ncolour red \"x\"y;\n}\n;\nserver { colour; }\nserver 1 {\n}").errors ==
        Lines{"unknown directive \"color\" in /a.conf:3 (did you mean \"colour\"?)", "unexpected \"y\" in /a.conf:4",
              "invalid number of arguments in \"colour\" directive in /a.conf:4", "unexpected \";\" in /a.conf:6",
              "invalid number of arguments in \"colour\" directive in /a.conf:7",
              "invalid number of arguments in \"server\" directive in /a.conf:8",
              "unexpected end of file, expecting \"}\" in /a.conf:9 (\"http\" of line 1 is still open)"});
}

TEST_CASE("a directive in the wrong place, with a block too many or too few") {
  CHECK(load("server { }").errors ==
        Lines{"\"server\" directive is not allowed here in /a.conf:1 (is an \"http {\" line missing before it?)"});
  CHECK(load("http { text a; }").errors ==
        Lines{"\"text\" directive is not allowed here in /a.conf:1 (is a \"server {\" line missing before it?)"});
  CHECK(load("http;").errors == Lines{"directive \"http\" has no opening \"{\" in /a.conf:1"});
  CHECK(load("http { colour red { } }").errors ==
        Lines{"directive \"colour\" is not terminated by \";\" in /a.conf:1"});
  CHECK(load("http { colour red; colour red; }").errors == Lines{"\"colour\" directive is duplicate in /a.conf:1"});
}

TEST_CASE("a lost semicolon is pointed at where the statement began") {
  CHECK(load("http {\ncolour red\nserver { }\n}").errors ==
        Lines{"directive \"colour\" is not terminated by \";\" in /a.conf:3"});
  CHECK(load("http {\nserver { colour red\ntext a;\n} }").errors ==
        Lines{"invalid number of arguments in \"colour\" directive in /a.conf:3 (\"colour\" begins in line 2; is a "
              "\";\" missing at the end of that line?)"});
}

TEST_CASE("what is refused has a way out, whatever follows its name") {
  CHECK(load("http { paint_by_number 1; }").errors ==
        Lines{"the \"paint_by_number\" directive is not supported in /a.conf:1 (name the colour)"});
}

TEST_CASE("what has no effect is told once, and checked each time") {
  const Told told = load("http { server { tuning on; } server { tuning off; } }");
  CHECK(told.errors.empty());
  CHECK(told.warnings == Lines{"accepted, but without effect here: \"tuning\" (/a.conf:1)"});
  CHECK(load("http { server { tuning maybe; tuning on; } }").errors ==
        Lines{"invalid value \"maybe\" in \"tuning\" directive, it must be \"on\" or \"off\" in /a.conf:1",
              "\"tuning\" directive is duplicate in /a.conf:1"});
}

TEST_CASE("an unknown variable is told with its first use, when all that may define it is read") {
  CHECK(load("http {\nserver { text $made; }\ndefine $made;\n}").errors.empty());
  CHECK(load("http {\nserver { text x$shede; }\nserver { text $shede; } }").errors ==
        Lines{"unknown \"shede\" variable in /a.conf:2 (did you mean \"$shade\"?)"});
}

TEST_CASE("the names of variables have no case, and families any ending") {
  CHECK(load("http { server { text $SHADE$Tint_X$tint_; } define $Mine; server { text $mINE; } }").errors.empty());
}

TEST_CASE("a configuration makes variables of its own, not those of the request") {
  CHECK(load("http { define $tint_x; }").errors.empty());
  CHECK(load("http { define $Shade; }").errors ==
        Lines{"the duplicate \"Shade\" variable in /a.conf:1 (the request has it already; take another name)"});
  CHECK(load("http { define mine; define $; }").errors ==
        Lines{"invalid variable name \"mine\" in /a.conf:1", "invalid variable name \"$\" in /a.conf:1"});
}
