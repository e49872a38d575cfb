#include "rules/template.h"

#include <doctest/doctest.h>

#include <array>

#include "http/exchange.h"

using namespace caisson;
using namespace caisson::rules;

namespace {

Value fixed(RequestState&, std::string_view) { return "value"; }
Value nothing(RequestState&, std::string_view) { return std::nullopt; }
Value rest_of_name(RequestState&, std::string_view rest) { return std::string(rest); }

constexpr std::array specs = {
    VariableSpec{"fixed", &fixed},
    VariableSpec{"nothing", &nothing},
    VariableSpec{"http_", &rest_of_name, nullptr, true},
    VariableSpec{"path", [](RequestState& s, std::string_view) -> Value { return s.path; },
                 [](RequestState& s, std::string text) { s.path = std::move(text); }},
};

class NoResponder final : public http::Responder, private http::BodyWriter {
 public:
  async::Task<void> inform(const http::ResponseHead&) override { co_return; }
  async::Task<void> start(http::ResponseHead) override { co_return; }
  http::BodyWriter& body() override { return *this; }

 private:
  async::Task<void> write(std::span<const std::byte>) override { co_return; }
  async::Task<void> flush() override { co_return; }
  async::Task<void> finish() override { co_return; }
};

struct World {
  VariableTable variables{specs};
  http::EmptyBody body;
  NoResponder responder;
  http::ConnectionInfo connection;
  http::Exchange exchange{http::RequestHead{}, body, responder, connection};

  std::string expand(std::string_view text, const Captures& captures = {}) {
    auto made = Template::compile(text, variables);
    REQUIRE(made.ok());
    RequestState state(exchange, variables);
    state.captures = captures;
    return made.value().expand(state);
  }
};

}  // namespace

TEST_CASE("variables, braces, captures and plain text expand in one pass") {
  World world;
  CHECK(world.expand("a $fixed b ${fixed}c $http_user_agent") == "a value b valuec user_agent");
  CHECK(world.expand("$1-$2-$3", {"whole", "one", "$fixed"}) == "one-$fixed-");
  CHECK(world.expand("$12", {"whole", "one"}) == "one2");
  CHECK(world.expand("[$nothing]") == "[]");
}

TEST_CASE("a lone variable without a value has none; in text it is empty") {
  World world;
  auto lone = Template::compile("$nothing", world.variables);
  REQUIRE(lone.ok());
  RequestState state(world.exchange, world.variables);
  CHECK_FALSE(lone.value().value(state).has_value());
}

TEST_CASE("a dollar sign without a name and an open brace are refused in nginx's words") {
  World world;
  CHECK(Template::compile("a$ b", world.variables).error().what == "invalid variable name");
  CHECK(Template::compile("${fixed", world.variables).error().what ==
        "the closing bracket in \"fixed\" variable is missing");
}

TEST_CASE("an unknown variable is told once everything is read, not when it is used first") {
  World world;
  CHECK(Template::compile("$later $never", world.variables).ok());
  world.variables.define("later");
  const std::vector<std::size_t> undefined = world.variables.undefined();
  REQUIRE(undefined.size() == 1);
  CHECK(world.variables.name(undefined[0]) == "never");
}

TEST_CASE("set shadows a variable for this request, or changes the request where the variable can") {
  World world;
  const std::size_t fixed_number = world.variables.define("fixed");
  const std::size_t path_number = world.variables.define("path");
  RequestState state(world.exchange, world.variables);
  state.set_variable(fixed_number, "other");
  CHECK(state.variable(fixed_number) == "other");
  state.set_variable(path_number, "/new");
  CHECK(state.path == "/new");
  CHECK(state.variable(path_number) == "/new");
}

TEST_CASE("a computed variable is computed once a request, unless it is volatile") {
  World world;
  int runs = 0;
  const auto count = [&runs](RequestState&) -> Value { return std::to_string(++runs); };
  const std::size_t once = world.variables.define("once", count);
  const std::size_t always = world.variables.define("always", count, false);
  RequestState state(world.exchange, world.variables);
  CHECK(state.variable(once) == "1");
  CHECK(state.variable(once) == "1");
  CHECK(state.variable(always) == "2");
  CHECK(state.variable(always) == "3");
}
