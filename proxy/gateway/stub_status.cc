#include "gateway/stub_status.h"

#include <array>
#include <memory>
#include <string>

#include "http/handler.h"
#include "observe/connection_counts.h"
#include "rules/loader.h"
#include "rules/phases.h"

namespace caisson::gateway {

using observe::ConnectionTotals;
using rules::DirectiveSpec;
using rules::Loader;
using rules::VariableSpec;

namespace {

// Where every level finds the counts; null where nothing is served.
struct ConnectionsInSight {
  const observe::ConnectionCounts* counts = nullptr;
  void inherit(const ConnectionsInSight& outer) { counts = outer.counts; }

  ConnectionTotals totals() const { return counts != nullptr ? counts->totals() : ConnectionTotals(); }
};

Result<void> take_counts(Loader& loader, rules::Level& root) {
  root.own<ConnectionsInSight>().counts = loader.services().connections;
  return {};
}

class StubStatus final : public http::Handler {
 public:
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override {
    const std::string& method = exchange.request().method;
    http::Answer answer;
    if (method != "GET" && method != "HEAD") {
      answer.status = 405;
      co_return answer;
    }
    const ConnectionTotals now = rules::RequestState::of(exchange).settings<ConnectionsInSight>().totals();
    const auto number = [](std::uint64_t n) { return std::to_string(n) + ' '; };
    answer.headers.add("Content-Type", "text/plain");
    answer.body = "Active connections: " + number(now.active) + "\nserver accepts handled requests\n " +
                  number(now.accepted) + number(now.handled) + number(now.requests) +
                  "\nReading: " + number(now.reading) + "Writing: " + number(now.writing) +
                  "Waiting: " + number(now.waiting) + '\n';
    co_return answer;
  }
};

Result<void> use_stub_status(Loader& loader, const config::Directive&) {
  loader.level().own<rules::Content>().handler = std::make_shared<StubStatus>();
  return {};
}

template <auto Member>
rules::Value current(rules::RequestState& state, std::string_view) {
  return std::to_string(state.settings<ConnectionsInSight>().totals().*Member);
}

constexpr std::array directives = {
    // its argument never meant anything
    DirectiveSpec{"stub_status", rules::Server | rules::Location, 0, 1, DirectiveSpec::Body::None, &use_stub_status},
};

constexpr std::array variables = {
    VariableSpec{"connections_active", &current<&ConnectionTotals::active>},
    VariableSpec{"connections_reading", &current<&ConnectionTotals::reading>},
    VariableSpec{"connections_writing", &current<&ConnectionTotals::writing>},
    VariableSpec{"connections_waiting", &current<&ConnectionTotals::waiting>},
};

}  // namespace

void describe_stub_status(rules::Language& language) {
  language.add_directives(directives);
  language.add_variables(variables);
  language.add_block_end(rules::Main, &take_counts);
}

}  // namespace caisson::gateway
