#include "gateway/access/access_rules.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "async/loop.h"
#include "gateway/network.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::AccessVerdict;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;

namespace {

struct AddressRule {
  std::optional<Network> network;  // nothing: all
  bool allows = false;

  bool fits(std::string_view client) const { return !network || network->contains(client); }
};

// All rules of an outer level are gone as soon as the inner level has one of its own.
struct AddressRules {
  std::optional<std::vector<AddressRule>> rules;
  void inherit(const AddressRules& outer) { rules::inherit(rules, outer.rules); }
};

struct Satisfy {
  std::optional<bool> any;
  void inherit(const Satisfy& outer) { rules::inherit(any, outer.any); }
};

// How long a 401 is held back, so that guessing takes its time.
struct AuthDelay {
  std::optional<std::chrono::milliseconds> delay;
  void inherit(const AuthDelay& outer) { rules::inherit(delay, outer.delay); }
};

// The limit_except block of one location.
struct LimitedMethods {
  std::vector<std::string> exempt;
  const rules::Level* level = nullptr;  // null: there is none
};

http::Answer forbidden() { return {403, {}, std::nullopt}; }

void log_forbidden(RequestState& state) { rules::log(state, observe::Level::Error, "access forbidden by rule"); }

bool any_is_enough(const RequestState& state) { return state.settings<Satisfy>().any.value_or(false); }

// The first rule that fits decides.
class AddressCheck final : public rules::AccessCheck {
 public:
  bool applies(const rules::Level& level) const override { return level.get<AddressRules>().rules.has_value(); }

  async::Task<AccessVerdict> judge(RequestState& state) override {
    for (const AddressRule& rule : *state.settings<AddressRules>().rules) {
      if (!rule.fits(state.exchange.client_address())) continue;
      if (rule.allows) co_return AccessVerdict::granted();
      if (!any_is_enough(state)) log_forbidden(state);
      co_return AccessVerdict::refused(forbidden());
    }
    co_return AccessVerdict::no_opinion();
  }
};

}  // namespace

// ngx_http_core_access_phase, ngx_http_core_post_access_phase, ngx_http_core_auth_delay
async::Task<std::optional<http::Answer>> check_access(RequestState& state, const rules::Language& language) {
  const bool any = any_is_enough(state);
  std::optional<http::Answer> refusal;
  for (const auto& check : language.access_checks()) {
    if (!check->applies(*state.level)) continue;
    AccessVerdict verdict = co_await check->judge(state);
    if (verdict.kind == AccessVerdict::Kind::NoOpinion) continue;
    if (verdict.kind == AccessVerdict::Kind::Granted) {
      if (any) co_return std::nullopt;
      continue;
    }
    const unsigned status = verdict.answer.status;
    // One that fails (503, 500) ends it either way.
    if (status != 401 && status != 403) co_return std::move(verdict.answer);
    // Of several refusals the one that asks for a password is told.
    if (!refusal || refusal->status != 401) refusal = std::move(verdict.answer);
    if (!any) break;
  }
  if (refusal && any && refusal->status == 403) log_forbidden(state);
  if (refusal && refusal->status == 401) {
    const auto delay = state.settings<AuthDelay>().delay.value_or(std::chrono::milliseconds::zero());
    if (delay > std::chrono::milliseconds::zero()) {
      rules::log(state, observe::Level::Info, "delaying unauthorized request");
      co_await async::Loop::current().sleep_for(delay);
    }
  }
  co_return refusal;
}

const rules::Level& level_for_method(const rules::Level& location, std::string_view method) {
  const LimitedMethods& limited = location.get<LimitedMethods>();
  if (limited.level == nullptr) return location;
  const bool exempt = std::find(limited.exempt.begin(), limited.exempt.end(), method) != limited.exempt.end();
  return exempt ? location : *limited.level;
}

namespace {

template <bool allows>
Result<void> add_rule(Loader& loader, const Directive& d) {
  AddressRule rule;
  rule.allows = allows;
  if (d.args[0] != "all") {
    rule.network = Network::parse(d.args[0]);
    if (!rule.network) return config::error_at(d.at, "invalid parameter \"" + d.args[0] + '"');
    if (rule.network->host_bits) loader.warn(d.at, "low address bits of " + d.args[0] + " are meaningless");
  }
  auto& rules = loader.level().own<AddressRules>().rules;
  if (!rules) rules.emplace();
  rules->push_back(std::move(rule));
  return {};
}

Result<void> set_satisfy(Loader& loader, const Directive& d) {
  auto& any = loader.level().own<Satisfy>().any;
  if (any) return config::config_error(d, "is duplicate");
  if (d.args[0] != "all" && d.args[0] != "any") return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
  any = d.args[0] == "any";
  return {};
}

Result<void> read_limit_except(Loader& loader, const Directive& d) {
  static constexpr std::array<std::string_view, 14> known = {"GET",      "HEAD",      "POST",   "PUT",  "DELETE",
                                                             "MKCOL",    "COPY",      "MOVE",   "LOCK", "OPTIONS",
                                                             "PROPFIND", "PROPPATCH", "UNLOCK", "PATCH"};
  LimitedMethods& limited = loader.level().own<LimitedMethods>();
  if (limited.level != nullptr) return config::config_error(d, "is duplicate");
  for (const std::string& method : d.args) {
    if (std::find(known.begin(), known.end(), method) == known.end()) {
      return config::error_at(d.at, "invalid method \"" + method + '"');
    }
    limited.exempt.push_back(method);
    if (method == "GET") limited.exempt.emplace_back("HEAD");
  }
  LimitedMethods& mine = loader.level().own<LimitedMethods>();
  mine.level = &loader.read_block(d, rules::LimitExcept);
  return {};
}

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"allow", everywhere | rules::LimitExcept, 1, 1, none, &add_rule<true>},
    DirectiveSpec{"deny", everywhere | rules::LimitExcept, 1, 1, none, &add_rule<false>},
    DirectiveSpec{"satisfy", everywhere, 1, 1, none, &set_satisfy},
    DirectiveSpec{"auth_delay", everywhere, 1, 1, none, &rules::set_milliseconds<&AuthDelay::delay>},
    DirectiveSpec{"limit_except", rules::Location, 1, rules::any_number, DirectiveSpec::Body::Required,
                  &read_limit_except},
};

}  // namespace

void describe_access_rules(rules::Language& language) {
  language.add_directives(directives);
  language.add_access_check(std::make_unique<AddressCheck>());
}

}  // namespace caisson::gateway
