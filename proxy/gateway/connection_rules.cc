#include "gateway/connection_rules.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "async/loop.h"
#include "base/text.h"
#include "config/arguments.h"
#include "gateway/core_settings.h"
#include "rules/phases.h"
#include "rules/setters.h"
#include "rules/template.h"

namespace caisson::gateway {

using config::Directive;
using http::ConnectionPolicy;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;
using rules::Value;

namespace {

using Milliseconds = std::chrono::milliseconds;

// keepalive_disable
struct Browsers {
  bool msie6 = true;
  bool safari = false;
};

struct ConnectionRules {
  std::optional<Milliseconds> keepalive_time;
  std::optional<Browsers> keepalive_disable;
  std::optional<ConnectionPolicy::Linger> lingering_close;
  std::optional<Milliseconds> lingering_time;
  std::optional<Milliseconds> lingering_timeout;
  std::optional<bool> reset_timedout_connection;
  std::optional<rules::Template> limit_rate;
  std::optional<rules::Template> limit_rate_after;

  void inherit(const ConnectionRules& outer) {
    rules::inherit(keepalive_time, outer.keepalive_time);
    rules::inherit(keepalive_disable, outer.keepalive_disable);
    rules::inherit(lingering_close, outer.lingering_close);
    rules::inherit(lingering_time, outer.lingering_time);
    rules::inherit(lingering_timeout, outer.lingering_timeout);
    rules::inherit(reset_timedout_connection, outer.reset_timedout_connection);
    rules::inherit(limit_rate, outer.limit_rate);
    rules::inherit(limit_rate_after, outer.limit_rate_after);
  }
};

// What `set $limit_rate` said for this request.
struct OwnRate {
  std::optional<std::uint64_t> rate;
};

// ngx_http_process_user_agent: Internet Explorer up to 6 without its second service pack.
bool is_old_msie(std::string_view agent) {
  if (agent.find("Opera") != std::string_view::npos) return false;
  const std::size_t at = agent.find("MSIE ");
  if (at == std::string_view::npos || agent.size() < at + 7 || agent[at + 6] != '.') return false;
  const char version = agent[at + 5];
  return version == '4' || version == '5' || (version == '6' && agent.find("SV1", at) == std::string_view::npos);
}

bool is_safari(std::string_view agent) {
  constexpr auto none = std::string_view::npos;
  return agent.find("Safari/") != none && agent.find("Mac OS X") != none && agent.find("Chrome/") == none;
}

// ngx_http_update_location_config
bool browser_keeps_alive(RequestState& state, const Browsers& disabled) {
  const http::RequestHead& request = state.exchange.request();
  const std::string* agent = request.headers.find("User-Agent");
  if (agent == nullptr) return true;
  if (disabled.msie6 && request.method == "POST" && is_old_msie(*agent)) return false;
  return !(disabled.safari && is_safari(*agent));
}

bool keeps_alive(RequestState& state, const ConnectionRules& settings) {
  if (state.closes || !browser_keeps_alive(state, settings.keepalive_disable.value_or(Browsers{}))) return false;
  const auto age = async::Loop::current().now() - state.exchange.connection().began;
  return age <= settings.keepalive_time.value_or(std::chrono::hours(1));
}

// A size that only the request tells; what is none is no limit, as in nginx (ngx_http_complex_value_size).
std::uint64_t size_of(const std::optional<rules::Template>& text, RequestState& state) {
  return text ? config::parse_size(text->expand(state)).value_or(0) : 0;
}

// The rate of a response stands when its head leaves.
class ResponseRate final : public rules::ResponseStage {
 public:
  void edit(RequestState& state, http::ResponseHead&) const override {
    const ConnectionRules& settings = state.settings<ConnectionRules>();
    ConnectionPolicy& policy = state.exchange.policy();
    const auto& own = state.data<OwnRate>().rate;
    policy.rate = own ? *own : size_of(settings.limit_rate, state);
    policy.unlimited_bytes = size_of(settings.limit_rate_after, state);
  }
};

}  // namespace

void apply_connection_rules(RequestState& state) {
  const CoreSettings& core = state.settings<CoreSettings>();
  const ConnectionRules& settings = state.settings<ConnectionRules>();
  ConnectionPolicy& policy = state.exchange.policy();
  const ConnectionPolicy usual;
  policy.body_idle = core.client_body_timeout.value_or(usual.body_idle);
  policy.send_idle = core.send_timeout.value_or(usual.send_idle);
  policy.keep_alive =
      keeps_alive(state, settings) ? core.keepalive_timeout.value_or(usual.keep_alive) : Milliseconds::zero();
  policy.keep_alive_header.reset();
  if (core.keepalive_header && *core.keepalive_header > Milliseconds::zero()) {
    policy.keep_alive_header = std::chrono::duration_cast<std::chrono::seconds>(*core.keepalive_header);
  }
  policy.keep_alive_requests = core.keepalive_requests.value_or(usual.keep_alive_requests);
  policy.chunked_allowed = core.chunked_transfer_encoding.value_or(true);
  policy.linger = settings.lingering_close.value_or(usual.linger);
  policy.linger_in_all = settings.lingering_time.value_or(usual.linger_in_all);
  policy.linger_idle = settings.lingering_timeout.value_or(usual.linger_idle);
  policy.reset_timed_out = settings.reset_timedout_connection.value_or(false);
}

namespace {

Result<void> set_lingering_close(Loader& loader, const Directive& d) {
  using Linger = ConnectionPolicy::Linger;
  auto& target = loader.level().own<ConnectionRules>().lingering_close;
  if (target) return config::config_error(d, "is duplicate");
  const std::string& word = d.args[0];
  if (word != "off" && word != "on" && word != "always") {
    return config::error_at(d.at, "invalid value \"" + word + '"');
  }
  target = word == "off" ? Linger::Never : word == "on" ? Linger::WhenSending : Linger::Always;
  return {};
}

Result<void> set_keepalive_disable(Loader& loader, const Directive& d) {
  auto& target = loader.level().own<ConnectionRules>().keepalive_disable;
  if (target) return config::config_error(d, "is duplicate");
  Browsers browsers{false, false};
  for (const std::string& word : d.args) {
    if (word == "msie6") {
      browsers.msie6 = true;
    } else if (word == "safari") {
      browsers.safari = true;
    } else if (word != "none") {
      return config::error_at(d.at, "invalid value \"" + word + '"');
    }
  }
  target = browsers;
  return {};
}

// limit_rate and limit_rate_after: a size, or variables that make one.
template <auto Member>
Result<void> set_size_template(Loader& loader, const Directive& d) {
  Result<void> set = rules::set_template<Member>(loader, d);
  if (!set.ok()) return set;
  const rules::Template& value = *(loader.level().own<ConnectionRules>().*Member);
  if (!value.constant() || config::parse_size(d.args[0])) return set;
  return config::config_error(d, "invalid value \"" + d.args[0] + '"');
}

Value current_rate(RequestState& state, std::string_view) {
  const auto& own = state.data<OwnRate>().rate;
  return std::to_string(own ? *own : size_of(state.settings<ConnectionRules>().limit_rate, state));
}

// What is no size changes nothing (ngx_http_variable_set_limit_rate).
void assign_rate(RequestState& state, std::string value) {
  if (const auto rate = config::parse_size(value)) state.data<OwnRate>().rate = *rate;
}

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr unsigned also_if = everywhere | rules::IfInLocation;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"keepalive_time", everywhere, 1, 1, none, &rules::set_milliseconds<&ConnectionRules::keepalive_time>},
    DirectiveSpec{"keepalive_disable", everywhere, 1, 2, none, &set_keepalive_disable},
    DirectiveSpec{"lingering_close", everywhere, 1, 1, none, &set_lingering_close},
    DirectiveSpec{"lingering_time", everywhere, 1, 1, none, &rules::set_milliseconds<&ConnectionRules::lingering_time>},
    DirectiveSpec{"lingering_timeout", everywhere, 1, 1, none,
                  &rules::set_milliseconds<&ConnectionRules::lingering_timeout>},
    DirectiveSpec{"reset_timedout_connection", everywhere, 1, 1, none,
                  &rules::set_flag<&ConnectionRules::reset_timedout_connection>},
    DirectiveSpec{"limit_rate", also_if, 1, 1, none, &set_size_template<&ConnectionRules::limit_rate>},
    DirectiveSpec{"limit_rate_after", also_if, 1, 1, none, &set_size_template<&ConnectionRules::limit_rate_after>},
};

constexpr std::array variables = {rules::VariableSpec{"limit_rate", &current_rate, &assign_rate}};

}  // namespace

void describe_connection_rules(rules::Language& language) {
  language.add_directives(directives);
  language.add_variables(variables);
  language.add_response_stage(std::make_unique<ResponseRate>());
}

}  // namespace caisson::gateway
