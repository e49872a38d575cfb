// limit_conn: so many requests of one key at a time, and no more. ngx_http_limit_conn_module.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "config/arguments.h"
#include "limits/limit_settings.h"
#include "limits/module.h"
#include "limits/zones.h"
#include "rules/phases.h"
#include "rules/request_log.h"

namespace caisson::limits {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;

namespace {

struct ForConnections {};
using Settings = LimitSettings<ForConnections>;

struct ConnectionLimit {
  SlotPtr<ConnectionZone> zone;
  unsigned most = 0;
};

// All limits of an outer level are gone as soon as the inner level has one of its own.
struct ConnectionLimits {
  std::optional<std::vector<ConnectionLimit>> limits;
  void inherit(const ConnectionLimits& outer) { rules::inherit(limits, outer.limits); }
};

// What became of a request. Once a request, whatever locations it goes through; it is counted until it has ended.
struct Decided {
  std::string_view status;  // $limit_conn_status; "" while nobody has decided
  std::vector<Counted> counted;
};

// False: a zone is full, or has as many of this key as it takes.
bool enter(RequestState& state, const ConnectionLimit& limit, Decided& decided) {
  std::string key = limit.zone->key.expand(state);
  if (key.empty()) return true;
  if (key.size() > 255) {
    rules::log(state, observe::Level::Error,
               "the value of the \"" + limit.zone->key.source() + "\" key is more than 255 bytes: \"" + key + '"');
    return true;
  }
  decided.status = "PASSED";
  switch (limit.zone->zone->enter(key, limit.most)) {
    case ConnectionZone::Outcome::Entered:
      decided.counted.emplace_back(limit.zone->zone, std::move(key));
      return true;
    case ConnectionZone::Outcome::NoRoom:
      rules::log(state, observe::Level::Crit, "no memory in limit_conn_zone \"" + limit.zone->name + '"');
      return false;
    case ConnectionZone::Outcome::Over:
      break;
  }
  const Settings& settings = state.settings<Settings>();
  rules::log(state, settings.level(),
             std::string("limiting connections") + (settings.dry_run.value_or(false) ? ", dry run," : "") +
                 " by zone \"" + limit.zone->name + '"');
  return false;
}

class LimitConnections final : public rules::PreaccessStep {
 public:
  bool applies(const rules::Level& level) const override { return level.get<ConnectionLimits>().limits.has_value(); }

  // ngx_http_limit_conn_handler
  async::Task<std::optional<http::Answer>> run(RequestState& state) override {
    Decided& decided = state.main().data<Decided>();
    if (!decided.status.empty()) co_return std::nullopt;
    const auto& limits = *state.settings<ConnectionLimits>().limits;
    const bool fits = std::all_of(limits.begin(), limits.end(),
                                  [&](const ConnectionLimit& limit) { return enter(state, limit, decided); });
    if (fits) co_return std::nullopt;
    decided.counted.clear();
    const Settings& settings = state.settings<Settings>();
    const bool dry_run = settings.dry_run.value_or(false);
    decided.status = dry_run ? "REJECTED_DRY_RUN" : "REJECTED";
    if (dry_run) co_return std::nullopt;
    http::Answer answer;
    answer.status = settings.refusal();
    co_return answer;
  }
};

rules::Value status_value(RequestState& state, std::string_view) {
  const std::string_view status = state.main().data<Decided>().status;
  return status.empty() ? rules::Value() : rules::Value(std::string(status));
}

// ---- the directives ----

Result<void> add_zone(Loader& loader, const Directive& d) {
  if (!d.args[1].starts_with("zone=")) return config::error_at(d.at, "invalid parameter \"" + d.args[1] + '"');
  Result<ZoneArgument> zone = read_zone(d, d.args[1]);
  if (!zone.ok()) return std::move(zone).error();
  if (zone.value().name.empty()) return config::error_at(d.at, "\"" + d.name + "\" must have \"zone\" parameter");
  Result<SlotPtr<ConnectionZone>> slot = connection_slot(loader, d, zone.value().name);
  if (!slot.ok()) return std::move(slot).error();
  if (Result<void> fresh = check_new(d, *slot.value()); !fresh.ok()) return fresh;
  Result<rules::Template> key = loader.compile(d.args[0], d);
  if (!key.ok()) return std::move(key).error();
  slot.value()->key = std::move(key).value();
  const std::size_t bytes = zone.value().bytes;
  slot.value()->zone = std::make_shared<ConnectionZone>(bytes, memory_of(loader, d, *slot.value(), bytes), ::getpid());
  return {};
}

Result<void> add_limit(Loader& loader, const Directive& d) {
  Result<SlotPtr<ConnectionZone>> slot = connection_slot(loader, d, d.args[0]);
  if (!slot.ok()) return std::move(slot).error();
  auto& limits = loader.level().own<ConnectionLimits>().limits;
  if (!limits) limits.emplace();
  for (const ConnectionLimit& other : *limits) {
    if (other.zone == slot.value()) return config::config_error(d, "is duplicate");
  }
  const auto most = config::parse_number(d.args[1]);
  if (!most || *most == 0) return config::error_at(d.at, "invalid number of connections \"" + d.args[1] + '"');
  if (*most > 65535) return config::error_at(d.at, "connection limit must be less 65536");
  limits->push_back({std::move(slot).value(), static_cast<unsigned>(*most)});
  return {};
}

constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"limit_conn_zone", rules::Http, 2, 2, none, &add_zone},
    DirectiveSpec{"limit_conn", everywhere, 2, 2, none, &add_limit},
};
constexpr auto common = common_rows<ForConnections>("limit_conn_status", "limit_conn_log_level", "limit_conn_dry_run");

constexpr std::array variables = {
    rules::VariableSpec{"limit_conn_status", &status_value},
};

}  // namespace

void describe_connection_limits(rules::Language& language) {
  language.add_directives(directives);
  language.add_directives(common);
  language.add_variables(variables);
  language.add_preaccess_step(std::make_unique<LimitConnections>());
}

}  // namespace caisson::limits
