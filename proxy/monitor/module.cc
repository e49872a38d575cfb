#include "monitor/module.h"

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
#include "config/arguments.h"
#include "monitor/health.h"
#include "observe/escape.h"
#include "observe/metrics.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/setters.h"

namespace caisson::monitor {
namespace {

using config::Directive;
using rules::Loader;

struct HealthSettings {
  std::shared_ptr<Health> health;  // one for all of http
  std::optional<bool> gate;

  void inherit(const HealthSettings& outer) {
    if (!health) health = outer.health;
    rules::inherit(gate, outer.gate);
  }
};

// ---- checks ----

struct Parameters {
  Check check;
  HttpProbe http;
};

// "interval=10s" and its like. False when the word is none of them or has no such value.
bool take_parameter(std::string_view word, Parameters& into) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (name == "header") {
    into.http.headers.emplace_back(value);
    return value.find(':') != std::string_view::npos;
  }
  if (name == "interval" || name == "timeout") {
    const auto time = config::parse_milliseconds(value);
    if (!time || time->count() <= 0) return false;
    (name == "interval" ? into.check.interval : into.http.timeout) = *time;
    return true;
  }
  const auto number = text::to_number(value);
  if (!number || *number > 1'000'000) return false;
  if (name == "threshold") {
    into.check.threshold = std::max(1U, static_cast<unsigned>(*number));  // none is what one is
    return true;
  }
  into.http.status = static_cast<unsigned>(*number);
  return name == "status";
}

Result<void> add_check(Loader& loader, const Directive& d) {
  Parameters given;
  given.check.name = d.args[0];
  for (std::size_t i = 3; i < d.args.size(); ++i) {
    if (!take_parameter(d.args[i], given)) return config::error_at(d.at, "invalid parameter \"" + d.args[i] + '"');
  }
  const std::string& kind = d.args[1];
  const std::string& target = d.args[2];
  if (kind == "folder") {
    given.check.probe = folder_is_there(loader.from_prefix(target));
  } else if (kind == "no_file") {
    given.check.probe = no_file(loader.from_prefix(target));
  } else if (kind == "http") {
    if (!target.starts_with("http://") && !target.starts_with("https://")) {
      return config::error_at(d.at, "\"" + target + "\" is no http or https URL");
    }
    given.http.url = target;
    given.check.probe = http_answers(given.http);
  } else if (kind == "tcp") {
    if (target.find(':') == std::string::npos) return config::error_at(d.at, "\"" + target + "\" has no port");
    given.check.probe = tcp_connects(target, given.http.timeout);
  } else {
    return config::error_at(d.at, "\"" + kind + "\" is no kind of check", "folder, no_file, http, tcp");
  }
  auto& health = loader.level().own<HealthSettings>().health;
  if (!health) {
    health = std::make_shared<Health>();
    loader.at_start([health] {
      health->start();
      return Result<void>();
    });
  }
  health->add(std::move(given.check));
  return {};
}

// ---- what asks them ----

http::Answer json_answer(unsigned status, std::string body) {
  http::Answer answer;
  answer.status = status;
  answer.headers.add("Content-Type", "application/json; charset=utf-8");
  answer.body = std::move(body);
  return answer;
}

class HealthGate final : public rules::AccessCheck {
 public:
  bool applies(const rules::Level& level) const override {
    const auto& settings = level.get<HealthSettings>();
    return settings.health && settings.gate.value_or(false) && !settings.health->good();
  }
  async::Task<rules::AccessVerdict> judge(rules::RequestState&) override {
    // registry:2's words
    co_return rules::AccessVerdict::refused(
        json_answer(503, R"({"errors":[{"code":"UNAVAILABLE","message":"service unavailable",)"
                         R"("detail":"health check failed: please see /debug/health"}]})"
                         "\n"));
  }
};

bool only_reads(const http::Exchange& exchange) {
  const std::string& method = exchange.request().method;
  return method == "GET" || method == "HEAD";
}

http::Answer nothing_here() {
  http::Answer answer;
  answer.status = 404;
  return answer;
}

class HealthStatus final : public http::Handler {
 public:
  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override {
    if (!only_reads(exchange)) co_return nothing_here();
    const auto& health = rules::RequestState::of(exchange).settings<HealthSettings>().health;
    std::string body = "{";
    if (health) {
      for (const auto& [name, reason] : health->failures()) {
        if (body.size() > 1) body += ',';
        body += '"' + observe::json_escaped(name) + "\":\"" + observe::json_escaped(reason) + '"';
      }
    }
    body += '}';
    const unsigned status = body.size() == 2 ? 200 : 503;
    co_return json_answer(status, std::move(body));
  }
};

class MetricsPage final : public http::Handler {
 public:
  explicit MetricsPage(const observe::Metrics* metrics) : metrics_(metrics) {}

  async::Task<std::optional<http::Answer>> handle(http::Exchange& exchange) override {
    if (!only_reads(exchange) || metrics_ == nullptr) co_return nothing_here();
    http::Answer answer;
    answer.headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    answer.body = metrics_->write();
    co_return answer;
  }

 private:
  const observe::Metrics* metrics_;  // null where a configuration is only checked
};

Result<void> set_content(Loader& loader, const Directive& d, std::shared_ptr<http::Handler> handler) {
  auto& content = loader.level().own<rules::Content>().handler;
  if (content) return config::config_error(d, "is duplicate");
  content = std::move(handler);
  return {};
}

Result<void> show_health(Loader& loader, const Directive& d) {
  return set_content(loader, d, std::make_shared<HealthStatus>());
}

struct ProcessMetricsAdded {
  bool done = false;
};

Result<void> show_metrics(Loader& loader, const Directive& d) {
  auto& added = loader.root().own<ProcessMetricsAdded>().done;
  if (observe::Metrics* all = loader.services().metrics; all != nullptr && !added) {
    all->add(&observe::write_process_metrics);
    added = true;
  }
  return set_content(loader, d, std::make_shared<MetricsPage>(loader.services().metrics));
}

constexpr auto no_block = rules::DirectiveSpec::Body::None;
constexpr std::array directives = {
    rules::DirectiveSpec{"health_check", rules::Http, 3, rules::any_number, no_block, &add_check},
    rules::DirectiveSpec{"health_gate", rules::Http | rules::Server | rules::Location, 1, 1, no_block,
                         &rules::set_flag<&HealthSettings::gate>},
    rules::DirectiveSpec{"health_status", rules::Location, 0, 0, no_block, &show_health},
    rules::DirectiveSpec{"prometheus_metrics", rules::Location, 0, 0, no_block, &show_metrics},
};

}  // namespace

void describe(rules::Language& language) {
  language.add_directives(directives);
  language.add_access_check(std::make_unique<HealthGate>());
}

}  // namespace caisson::monitor
