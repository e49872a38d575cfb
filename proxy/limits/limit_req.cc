// limit_req: requests that come faster than their zone's rate wait for their turn, or are refused.
// ngx_http_limit_req_module.

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <memory>
#include <vector>

#include "async/loop.h"
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

struct ForRequests {};
using Settings = LimitSettings<ForRequests>;

struct RequestLimit {
  SlotPtr<RequestZone> zone;
  std::int64_t burst = 0;  // thousandths of a request over the rate that are taken at all
  std::int64_t delay = 0;  // ... and that need not wait
};

// All limits of an outer level are gone as soon as the inner level has one of its own.
struct RequestLimits {
  std::optional<std::vector<RequestLimit>> limits;
  void inherit(const RequestLimits& outer) { rules::inherit(limits, outer.limits); }
};

// What became of a request; "" while nobody has decided. Once a request, whatever locations it goes through.
struct Decided {
  std::string_view status;  // $limit_req_status
};

std::string in_requests(std::int64_t excess) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(excess / 1000),
                static_cast<long long>(excess % 1000));
  return text;
}

RequestZone::Moment now() {
  const auto since_epoch = async::Loop::current().now().time_since_epoch();
  return std::chrono::duration_cast<RequestZone::Moment>(since_epoch);
}

// A request under several limits: each zone looks first, and all of them count when all agree.
class Decision {
 public:
  explicit Decision(RequestState& state) : state_(state), now_(now()) {}
  ~Decision() {
    for (const Agreed& agreed : agreed_) agreed.limit->zone->zone->release(*agreed.key);
  }
  Decision(const Decision&) = delete;
  Decision& operator=(const Decision&) = delete;

  // False: one of them refuses; the log says which.
  bool take(const std::vector<RequestLimit>& limits) {
    for (const RequestLimit& limit : limits) {
      const std::string key = limit.zone->key.expand(state_);
      if (key.empty()) continue;
      if (key.size() > 65535) {
        rules::log(
            state_, observe::Level::Error,
            "the value of the \"" + limit.zone->key.source() + "\" key is more than 65535 bytes: \"" + key + '"');
        continue;
      }
      if (!ask(limit, key, &limit == &limits.back())) return false;
    }
    for (const Agreed& agreed : agreed_) {
      consider(*agreed.limit, agreed.limit->zone->zone->settle(*agreed.key, now_));
    }
    agreed_.clear();
    return true;
  }

  bool limited() const noexcept { return limited_; }  // by any zone at all
  // After take(): how long to wait, and for whom.
  RequestZone::Moment delay() const noexcept { return delay_; }
  const RequestLimit* slowest() const noexcept { return slowest_; }
  std::int64_t excess() const noexcept { return excess_; }
  // After a refusal: when the zone would let it pass, if no other request came. Zero: nobody knows.
  RequestZone::Moment too_early() const noexcept { return too_early_; }

 private:
  struct Agreed {
    const RequestLimit* limit;
    RequestZone::Key* key;
  };

  bool ask(const RequestLimit& limit, const std::string& key, bool last) {
    RequestZone& zone = *limit.zone->zone;
    const RequestZone::Look look = last ? zone.count(key, limit.burst, now_) : zone.look(key, limit.burst, now_);
    limited_ = true;
    if (look.outcome == RequestZone::Outcome::Fits) {
      if (last) {
        consider(limit, look.excess);
      } else {
        agreed_.push_back({&limit, look.pinned});
      }
      return true;
    }
    if (look.outcome == RequestZone::Outcome::NoRoom) {
      rules::log(state_, observe::Level::Alert,
                 "could not allocate node in limit_req zone \"" + limit.zone->name + '"');
    } else {
      slowest_ = &limit;
      excess_ = look.excess;
      too_early_ = zone.time_for(look.excess - limit.burst);
    }
    return false;
  }

  void consider(const RequestLimit& limit, std::int64_t excess) {
    if (excess <= limit.delay) return;
    const RequestZone::Moment delay = limit.zone->zone->time_for(excess - limit.delay);
    if (delay <= delay_) return;
    delay_ = delay;
    slowest_ = &limit;
    excess_ = excess;
  }

  RequestState& state_;
  const RequestZone::Moment now_;
  std::vector<Agreed> agreed_;
  bool limited_ = false;
  RequestZone::Moment delay_{};
  RequestZone::Moment too_early_{};
  const RequestLimit* slowest_ = nullptr;
  std::int64_t excess_ = 0;
};

struct Ruling {
  bool refused = false;
  RequestZone::Moment delay{};  // refused: until the same request would not be
};

// ngx_http_limit_req_handler
Ruling rule(RequestState& state) {
  const Settings& settings = state.settings<Settings>();
  const bool dry_run = settings.dry_run.value_or(false);
  Decided& decided = state.main().data<Decided>();
  Decision decision(state);
  if (!decision.take(*state.settings<RequestLimits>().limits)) {
    if (decision.slowest() != nullptr) {
      rules::log(state, settings.level(),
                 std::string("limiting requests") + (dry_run ? ", dry run" : "") + ", excess: " +
                     in_requests(decision.excess()) + " by zone \"" + decision.slowest()->zone->name + '"');
    }
    decided.status = dry_run ? "REJECTED_DRY_RUN" : "REJECTED";
    return {!dry_run, decision.too_early()};
  }
  if (!decision.limited()) return {};
  if (decision.delay() <= RequestZone::Moment::zero()) {
    decided.status = "PASSED";
    return {};
  }
  // One level milder, as nginx has it.
  const observe::Level level = settings.level();
  const auto milder = level == observe::Level::Info ? level : static_cast<observe::Level>(static_cast<int>(level) - 1);
  rules::log(state, milder,
             std::string("delaying request") + (dry_run ? ", dry run" : "") +
                 ", excess: " + in_requests(decision.excess()) + ", by zone \"" + decision.slowest()->zone->name + '"');
  decided.status = dry_run ? "DELAYED_DRY_RUN" : "DELAYED";
  return {false, dry_run ? RequestZone::Moment::zero() : decision.delay()};
}

class LimitRequests final : public rules::PreaccessStep {
 public:
  bool applies(const rules::Level& level) const override { return level.get<RequestLimits>().limits.has_value(); }

  async::Task<std::optional<http::Answer>> run(RequestState& state) override {
    if (!state.main().data<Decided>().status.empty()) co_return std::nullopt;
    const Ruling ruling = rule(state);
    if (ruling.refused) {
      http::Answer answer;
      answer.status = state.settings<Settings>().refusal();
      if (ruling.delay > RequestZone::Moment::zero() && (answer.status == 429 || answer.status == 503)) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(ruling.delay);
        answer.headers.add("Retry-After", std::to_string(seconds.count()));
      }
      co_return answer;
    }
    if (ruling.delay > RequestZone::Moment::zero()) co_await async::Loop::current().sleep_for(ruling.delay);
    co_return std::nullopt;
  }
};

rules::Value status_value(RequestState& state, std::string_view) {
  const std::string_view status = state.main().data<Decided>().status;
  return status.empty() ? rules::Value() : rules::Value(std::string(status));
}

// ---- the directives ----

// "10r/s" or "30r/m", in thousandths of a request a second.
std::optional<std::uint64_t> parse_rate(std::string_view text) {
  std::uint64_t scale = 1;
  if (text.ends_with("r/s")) {
    text.remove_suffix(3);
  } else if (text.ends_with("r/m")) {
    scale = 60;
    text.remove_suffix(3);
  }
  const auto rate = config::parse_number(text);
  if (!rate || *rate == 0 || *rate > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return *rate * 1000 / scale;
}

Result<void> add_zone(Loader& loader, const Directive& d) {
  ZoneArgument zone;
  std::uint64_t rate = 1000;
  for (std::size_t i = 1; i < d.args.size(); ++i) {
    const std::string& arg = d.args[i];
    if (arg.starts_with("zone=")) {
      Result<ZoneArgument> read = read_zone(d, arg);
      if (!read.ok()) return std::move(read).error();
      zone = std::move(read).value();
    } else if (arg.starts_with("rate=")) {
      const auto parsed = parse_rate(std::string_view(arg).substr(5));
      if (!parsed) return config::error_at(d.at, "invalid rate \"" + arg + '"');
      rate = *parsed;
    } else {
      return config::error_at(d.at, "invalid parameter \"" + arg + '"');
    }
  }
  if (zone.name.empty()) return config::error_at(d.at, "\"" + d.name + "\" must have \"zone\" parameter");
  Result<SlotPtr<RequestZone>> slot = request_slot(loader, d, zone.name);
  if (!slot.ok()) return std::move(slot).error();
  if (Result<void> fresh = check_new(d, *slot.value()); !fresh.ok()) return fresh;
  Result<rules::Template> key = loader.compile(d.args[0], d);
  if (!key.ok()) return std::move(key).error();
  slot.value()->key = std::move(key).value();
  slot.value()->zone = std::make_shared<RequestZone>(rate, zone.bytes, memory_of(loader, d, *slot.value(), zone.bytes));
  return {};
}

// What cannot be reached is no limit.
constexpr std::int64_t no_delay = std::numeric_limits<std::int64_t>::max();

// A positive number after "NAME=", in thousandths; as large as wanted.
std::optional<std::int64_t> in_thousandths(std::string_view argument) {
  const auto number = config::parse_number(argument.substr(argument.find('=') + 1));
  if (!number || *number == 0 || *number > std::numeric_limits<std::int64_t>::max() / 1000) return std::nullopt;
  return static_cast<std::int64_t>(*number) * 1000;
}

Result<void> add_limit(Loader& loader, const Directive& d) {
  RequestLimit limit;
  for (const std::string& arg : d.args) {
    if (arg.starts_with("zone=")) {
      Result<SlotPtr<RequestZone>> slot = request_slot(loader, d, arg.substr(5));
      if (!slot.ok()) return std::move(slot).error();
      limit.zone = std::move(slot).value();
    } else if (arg.starts_with("burst=")) {
      const auto burst = in_thousandths(arg);
      if (!burst) return config::error_at(d.at, "invalid burst value \"" + arg + '"');
      limit.burst = *burst;
    } else if (arg.starts_with("delay=")) {
      const auto delay = in_thousandths(arg);
      if (!delay) return config::error_at(d.at, "invalid delay value \"" + arg + '"');
      limit.delay = *delay;
    } else if (arg == "nodelay") {
      limit.delay = no_delay;
    } else {
      return config::error_at(d.at, "invalid parameter \"" + arg + '"');
    }
  }
  if (!limit.zone) return config::error_at(d.at, "\"" + d.name + "\" must have \"zone\" parameter");
  auto& limits = loader.level().own<RequestLimits>().limits;
  if (!limits) limits.emplace();
  for (const RequestLimit& other : *limits) {
    if (other.zone == limit.zone) return config::config_error(d, "is duplicate");
  }
  limits->push_back(std::move(limit));
  return {};
}

constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"limit_req_zone", rules::Http, 3, 3, none, &add_zone},
    DirectiveSpec{"limit_req", everywhere, 1, 3, none, &add_limit},
};
constexpr auto common = common_rows<ForRequests>("limit_req_status", "limit_req_log_level", "limit_req_dry_run");

constexpr std::array variables = {
    rules::VariableSpec{"limit_req_status", &status_value},
};

}  // namespace

void describe_request_limits(rules::Language& language) {
  language.add_directives(directives);
  language.add_directives(common);
  language.add_variables(variables);
  language.add_preaccess_step(std::make_unique<LimitRequests>());
}

}  // namespace caisson::limits
