#include "auth/token/module.h"

#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "auth/token/challenge.h"
#include "base/text.h"
#include "registry/routes/accesses.h"
#include "registry/routes/prefix.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::auth::token {
namespace {

using rules::AccessVerdict;

struct TokenSettings {
  struct Realm {
    std::string url;  // "off": nobody is asked
    config::SourcePos at;
  };
  std::optional<Realm> realm;
  std::optional<std::string> service;
  std::optional<std::string> issuer;
  std::optional<bool> autoredirect;
  std::shared_ptr<TokenVerifier> verifier;

  bool asks() const noexcept { return realm && realm->url != "off"; }
  void inherit(const TokenSettings& outer) {
    rules::inherit(realm, outer.realm);
    rules::inherit(service, outer.service);
    rules::inherit(issuer, outer.issuer);
    rules::inherit(autoredirect, outer.autoredirect);
    if (!verifier) verifier = outer.verifier;
  }
};

// ---- the directives ----

Result<void> set_realm(rules::Loader& loader, const config::Directive& d) {
  auto& realm = loader.level().own<TokenSettings>().realm;
  if (realm) return config::config_error(d, "is duplicate");
  realm.emplace(TokenSettings::Realm{d.args[0], d.at});
  return {};
}

Result<void> set_keys(rules::Loader& loader, const config::Directive& d) {
  auto& verifier = loader.level().own<TokenSettings>().verifier;
  if (verifier) return config::config_error(d, "is duplicate");
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string& name : d.args) {
    std::string path = loader.from_conf(name);
    auto text = loader.files().read(path);
    if (!text.ok()) return config::config_error(d, "cannot read its file: " + text.error().what);
    files.emplace_back(std::move(path), std::move(text).value());
  }
  auto made = TokenVerifier::make(std::move(files), loader.services().hashes);
  if (!made.ok()) return config::config_error(d, "cannot use its file: " + made.error().what);
  verifier = std::move(made).value();
  loader.root().own<TokenVerifiers>().all.push_back(verifier);
  return {};
}

// A realm without the rest would let nobody in: told at start, once for each.
void find_incomplete(rules::Loader& loader, const rules::Level& level, std::set<std::string>& told) {
  const auto& settings = level.get<TokenSettings>();
  const bool serves = level.kind() == rules::Location || level.kind() == rules::LimitExcept ||
                      (level.kind() == rules::Server && level.inner().empty());
  if (serves && settings.asks()) {
    const char* const missing = !settings.service    ? "auth_token_service"
                                : !settings.issuer   ? "auth_token_issuer"
                                : !settings.verifier ? "auth_token_keys"
                                                     : nullptr;
    if (missing != nullptr && told.insert(settings.realm->at.str()).second) {
      loader.note(
          config::error_at(settings.realm->at, "\"auth_token\" needs \"" + std::string(missing) + "\" beside it"));
    }
  }
  for (const auto& inner : level.inner()) find_incomplete(loader, *inner, told);
}

Result<void> check_complete(rules::Loader& loader, rules::Level& root) {
  std::set<std::string> told;
  find_incomplete(loader, root, told);
  return {};
}

// ---- the check ----

// registry:2's: two words, the first "bearer" in whatever letters.
std::string_view bearer_token(const http::Headers& headers) {
  const std::string* const value = headers.find("Authorization");
  if (value == nullptr) return {};
  const std::size_t space = value->find(' ');
  if (space == std::string::npos || !text::iequals(std::string_view(*value).substr(0, space), "bearer")) return {};
  const std::string_view token = std::string_view(*value).substr(space + 1);
  return token.find(' ') == std::string_view::npos ? token : std::string_view();
}

http::Answer come_back_later() {
  http::Answer answer;
  answer.status = 503;
  answer.headers.add("Retry-After", "1");
  return answer;
}

// Nothing of the registry, and no path of anything else behind it either.
http::Answer not_there() {
  http::Answer answer;
  answer.status = 404;
  answer.headers.add("Content-Type", "application/json; charset=utf-8");
  answer.headers.add("Docker-Distribution-Api-Version", "registry/2.0");
  answer.headers.add("X-Content-Type-Options", "nosniff");
  answer.body = "{\"errors\":[{\"code\":\"NAME_INVALID\",\"message\":\"invalid repository name\"}]}\n";
  return answer;
}

class TokenAuth final : public rules::AccessCheck {
 public:
  bool applies(const rules::Level& level) const override { return level.get<TokenSettings>().asks(); }
  async::Task<AccessVerdict> judge(rules::RequestState& state) override;
};

async::Task<AccessVerdict> TokenAuth::judge(rules::RequestState& state) {
  const auto& settings = state.settings<TokenSettings>();
  const registry::Route route = registry::find_route_behind(state.settings<registry::Prefix>().str(), state.path);
  // What it would need cannot be said, also where proxy_pass goes on to a path of the API ("proxy_pass http://x/v2/;").
  if (route.kind == registry::Route::Kind::Unknown) {
    rules::log(state, observe::Level::Warn,
               "\"auth_token\" knows no path of the registry API in \"" + state.path + '"');
    co_return AccessVerdict::refused(not_there());
  }
  const http::RequestHead& request = state.exchange.request();
  const auto accesses = registry::required_accesses(request.method, route, state.args);
  const auto challenged = [&](Complaint complaint) {
    const std::string realm = settings.autoredirect.value_or(false)
                                  ? "https://" + state.exchange.client_host() + "/auth/token"
                                  : settings.realm->url;
    return AccessVerdict::refused(challenge(realm, *settings.service, accesses, complaint));
  };

  const std::string_view token = bearer_token(request.headers);
  if (token.empty()) {
    rules::log(state, observe::Level::Info, "no token was provided");
    co_return challenged(Complaint::None);
  }
  const TokenVerifier::Expected expected{*settings.issuer, *settings.service};
  bool busy = false;
  Result<std::shared_ptr<const Claims>> verified = Error{};
  try {
    verified = co_await settings.verifier->verify(token, expected, std::chrono::system_clock::now());
  } catch (const async::Busy&) {
    busy = true;
  }
  if (busy) {
    rules::log(state, observe::Level::Warn, "too many tokens are being verified");
    co_return AccessVerdict::refused(come_back_later());
  }
  if (!verified.ok()) {
    rules::log(state, observe::Level::Warn, "token refused: " + verified.error().what);
    co_return challenged(Complaint::InvalidToken);
  }
  const Claims& claims = *verified.value();
  const bool mounts = request.method == "POST" && route.kind == registry::Route::Kind::Uploads;
  for (const registry::Access& access : accesses) {
    if (claims.allow(access.type, access.name, access.action)) continue;
    if (mounts && access.name != route.name) {
      // Without a right to its source a mount is an upload like any other, never an error (registry contract, 5.6).
      // Whoever is behind the gate does not learn of the source: it could mount by its own rights.
      state.args.clear();
      continue;
    }
    rules::log(state, observe::Level::Info,
               "the token allows no " + access.action + " of " + access.type + " \"" + access.name + '"');
    co_return challenged(Complaint::InsufficientScope);
  }
  state.exchange.set_user(claims.subject);
  state.data<registry::RightsByRepository>().limited = true;
  co_return AccessVerdict::granted();
}

constexpr unsigned places = rules::Http | rules::Server | rules::Location | rules::LimitExcept;
constexpr auto plain = rules::DirectiveSpec::Body::None;
constexpr unsigned most_files = 16;

constexpr std::array directives = {
    rules::DirectiveSpec{"auth_token", places, 1, 1, plain, &set_realm},
    rules::DirectiveSpec{"auth_token_service", places, 1, 1, plain, &rules::set_text<&TokenSettings::service>},
    rules::DirectiveSpec{"auth_token_issuer", places, 1, 1, plain, &rules::set_text<&TokenSettings::issuer>},
    rules::DirectiveSpec{"auth_token_keys", places, 1, most_files, plain, &set_keys},
    rules::DirectiveSpec{"auth_token_autoredirect", places, 1, 1, plain,
                         &rules::set_flag<&TokenSettings::autoredirect>},
};

}  // namespace

void describe(rules::Language& language) {
  language.add_directives(directives);
  language.add_finish(&check_complete);
  language.add_access_check(std::make_unique<TokenAuth>());
}

}  // namespace caisson::auth::token
