#include "auth/auth_request.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "rules/subrequest.h"
#include "rules/template.h"

namespace caisson::auth {
namespace {

using rules::AccessVerdict;

struct AuthRequestSettings {
  struct Assignment {
    std::size_t variable;
    rules::Template value;  // as the subrequest sees it
  };
  std::optional<std::string> path;                     // "": off
  std::optional<std::vector<Assignment>> assignments;  // an inner level's replace all outer ones

  void inherit(const AuthRequestSettings& outer) {
    rules::inherit(path, outer.path);
    rules::inherit(assignments, outer.assignments);
  }
};

Result<void> set_path(rules::Loader& loader, const config::Directive& d) {
  auto& path = loader.level().own<AuthRequestSettings>().path;
  if (path) return config::config_error(d, "is duplicate");
  path = d.args[0] == "off" ? "" : d.args[0];
  return {};
}

Result<void> add_assignment(rules::Loader& loader, const config::Directive& d) {
  const Result<std::size_t> variable = loader.define_variable(d.args[0], d);
  if (!variable.ok()) return variable.error();
  Result<rules::Template> value = loader.compile(d.args[1], d);
  if (!value.ok()) return std::move(value).error();
  auto& assignments = loader.level().own<AuthRequestSettings>().assignments;
  if (!assignments) assignments.emplace();
  assignments->push_back({variable.value(), std::move(value).value()});
  return {};
}

http::Answer of_status(unsigned status) {
  http::Answer answer;
  answer.status = status;
  return answer;
}

class AuthRequest final : public rules::AccessCheck {
 public:
  bool applies(const rules::Level& level) const override {
    const auto& path = level.get<AuthRequestSettings>().path;
    return path && !path->empty();
  }

  // ngx_http_auth_request_handler
  async::Task<AccessVerdict> judge(rules::RequestState& state) override {
    const auto& settings = state.settings<AuthRequestSettings>();
    rules::Subrequest asked(state, *settings.path);
    co_await asked.run();
    if (settings.assignments) {
      for (const auto& assignment : *settings.assignments) {
        state.set_variable(assignment.variable, assignment.value.expand(asked.state()));
      }
    }
    const unsigned status = asked.answer().status;
    if (status >= 200 && status < 300) co_return AccessVerdict::granted();
    if (status != 401 && status != 403) {
      rules::log(state, observe::Level::Error, "auth request unexpected status: " + std::to_string(status));
      co_return AccessVerdict::refused(of_status(500));
    }
    http::Answer refusal = of_status(status);
    for (const http::HeaderField& field : asked.answer().headers) {
      const bool challenge = status == 401 && text::iequals(field.name, "WWW-Authenticate");
      if (challenge) refusal.headers.add(field.name, field.value);
    }
    co_return AccessVerdict::refused(std::move(refusal));
  }
};

constexpr unsigned places = rules::Http | rules::Server | rules::Location;
constexpr auto plain = rules::DirectiveSpec::Body::None;

constexpr std::array directives = {
    rules::DirectiveSpec{"auth_request", places, 1, 1, plain, &set_path},
    rules::DirectiveSpec{"auth_request_set", places, 2, 2, plain, &add_assignment},
};

}  // namespace

void describe_auth_request(rules::Language& language) {
  language.add_directives(directives);
  language.add_access_check(std::make_unique<AuthRequest>());
}

}  // namespace caisson::auth
