#include "auth/basic_auth.h"

#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "auth/auth_request.h"
#include "auth/basic_credentials.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::auth {
namespace {

using observe::Level;
using rules::AccessVerdict;

constexpr std::string_view off = "off";

// ---- the directives ----

Result<void> set_realm(rules::Loader& loader, const config::Directive& directive) {
  auto& realm = loader.level().own<BasicAuthSettings>().realm;
  if (realm) return config::config_error(directive, "is duplicate");
  Result<rules::Template> text = loader.compile(directive.args[0], directive);
  if (!text.ok()) return std::move(text).error();
  realm.emplace(BasicAuthSettings::Realm{std::move(text).value(), directive.at});
  return {};
}

BasicAuthRuntime& runtime_of(rules::Loader& loader) {
  auto& runtime = loader.root().own<BasicAuthRuntime>();
  if (!runtime.files) {
    runtime.files = std::make_shared<HtpasswdFiles>();
    if (auto* pool = loader.services().hashes) runtime.verifier = std::make_shared<Verifier>(*pool, Verifier::Limits{});
  }
  return runtime;
}

// Reads the file through the loader, so that a worker gets what only the master may read. A file that is missing is no
// error: nginx starts too, and it may come later.
void read_now(rules::Loader& loader, HtpasswdFiles& files, const std::string& path, const config::SourcePos& at) {
  if (files.was_handed(path)) return;  // several locations name it
  const Result<std::string> text = loader.files().read(path);
  if (!text.ok()) {
    return loader.warn(at, "users cannot be read: " + text.error().what, "make it with: htpasswd -cB FILE USER");
  }
  const HtpasswdFiles::Users users = files.hand_over(path, text.value());
  for (const Htpasswd::Warning& warning : users->warnings()) loader.warn(warning.at, warning.message, warning.hint);
  if (users->users() == 0) loader.warn(at, "\"" + path + "\" lets nobody in, it has no valid line");
}

Result<void> set_user_file(rules::Loader& loader, const config::Directive& directive) {
  auto& file = loader.level().own<BasicAuthSettings>().file;
  if (file) return config::config_error(directive, "is duplicate");
  Result<rules::Template> path = loader.compile(directive.args[0], directive);
  if (!path.ok()) return std::move(path).error();
  const BasicAuthRuntime& runtime = runtime_of(loader);
  if (path.value().constant()) {
    read_now(loader, *runtime.files, loader.from_conf(directive.args[0]), directive.at);
  }
  file.emplace(BasicAuthSettings::UserFile{std::move(path).value(), loader.from_conf(""), runtime, directive.at});
  return {};
}

// One directive without the other asks nobody for a password, in nginx too; whoever wrote it meant otherwise.
void find_open_doors(rules::Loader& loader, const rules::Level& level, std::set<std::string>& told) {
  const auto& settings = level.get<BasicAuthSettings>();
  const bool serves = level.kind() == rules::Location || level.kind() == rules::LimitExcept ||
                      (level.kind() == rules::Server && level.inner().empty());
  if (serves && settings.realm.has_value() != settings.file.has_value()) {
    const bool has_realm = settings.realm.has_value();
    const config::SourcePos& at = has_realm ? settings.realm->at : settings.file->at;
    const bool is_off = has_realm && settings.realm->text.source() == off;
    if (!is_off && told.insert(at.str()).second) {
      loader.warn(at, has_realm ? "\"auth_basic\" without \"auth_basic_user_file\" asks nobody for a password"
                                : "\"auth_basic_user_file\" without \"auth_basic\" asks nobody for a password");
    }
  }
  for (const auto& inner : level.inner()) find_open_doors(loader, *inner, told);
}

Result<void> warn_of_open_doors(rules::Loader& loader, rules::Level& root) {
  std::set<std::string> told;
  find_open_doors(loader, root, told);
  return {};
}

// ---- the check ----

// A quoted-string of RFC 9110 section 5.6.4; nginx copies the realm as it is. Control characters cannot be quoted, and
// a variable may bring them.
http::Answer challenge(std::string_view realm) {
  std::string value = "Basic realm=\"";
  for (const char c : realm) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) continue;
    if (c == '"' || c == '\\') value += '\\';
    value += c;
  }
  value += '"';
  http::Answer answer;
  answer.status = 401;
  answer.headers.add("WWW-Authenticate", std::move(value));
  return answer;
}

http::Answer of_status(unsigned status) {
  http::Answer answer;
  answer.status = status;
  return answer;
}

http::Answer come_back_later(std::chrono::seconds after) {
  http::Answer answer = of_status(503);
  answer.headers.add("Retry-After", std::to_string(after.count()));
  return answer;
}

// nginx's words, which log watchers know, and a third case that it does not tell from a wrong password.
std::string mismatch(const Htpasswd& users, const std::string& user, const std::string& path) {
  const std::string named = "user \"" + user + '"';
  if (!users.mentions(user)) return named + " was not found in \"" + path + '"';
  if (users.find(user) == nullptr) return named + ": its line in \"" + path + "\" lets nobody in";
  return named + ": password mismatch";
}

class BasicAuth final : public rules::AccessCheck {
 public:
  bool applies(const rules::Level& level) const override {
    const auto& settings = level.get<BasicAuthSettings>();
    return settings.realm && settings.file;
  }

  async::Task<AccessVerdict> judge(rules::RequestState& state) override;
};

async::Task<AccessVerdict> BasicAuth::judge(rules::RequestState& state) {
  const auto& settings = state.settings<BasicAuthSettings>();
  const std::string realm = settings.realm->text.expand(state);
  if (realm == off) co_return AccessVerdict::no_opinion();

  const auto credentials = BasicCredentials::of(state.exchange.request().headers);
  if (!credentials) {
    rules::log(state, Level::Info, "no user/password was provided for basic authentication");
    co_return AccessVerdict::refused(challenge(realm));
  }

  const BasicAuthRuntime& runtime = settings.file->runtime;
  std::string path = settings.file->path.expand(state);
  if (!path.starts_with('/')) path.insert(0, settings.file->folder);
  const HtpasswdFiles::Listener tell{[&state](const Htpasswd& read) {
                                       for (const Htpasswd::Warning& warning : read.warnings())
                                         rules::log(state, Level::Warn, warning.text());
                                     },
                                     [&state](const Error& why) {
                                       rules::log(state, Level::Error,
                                                  why.what + "; the users who were in it stay until it is back");
                                     }};
  const auto lost = settings.keep_users.value_or(false) ? HtpasswdFiles::Lost::KeepLast : HtpasswdFiles::Lost::Refuse;
  const auto users = runtime.files->current(path, HtpasswdFiles::Clock::now(), lost, tell);
  if (!users.ok()) {
    const bool missing = users.error().code == ErrorCode::NotFound;
    rules::log(state, missing ? Level::Error : Level::Crit, users.error().what);
    co_return AccessVerdict::refused(of_status(missing ? 403 : 500));
  }

  const std::string& source = state.exchange.client_address();
  const Verdict verdict =
      co_await runtime.verifier->verify(users.value(), credentials->user, credentials->password.view(), source);
  switch (verdict.outcome) {
    case Verdict::Outcome::Accepted:
      state.exchange.set_user(credentials->user);
      co_return AccessVerdict::granted();
    case Verdict::Outcome::Busy:
      rules::log(state, Level::Warn, "too many passwords are being checked");
      co_return AccessVerdict::refused(come_back_later(verdict.retry_after));
    case Verdict::Outcome::Denied:
      break;
  }
  rules::log(state, Level::Error, mismatch(*users.value(), credentials->user, path));
  co_return AccessVerdict::refused(challenge(realm));
}

}  // namespace

void describe(rules::Language& language) {
  using enum rules::Block;
  constexpr unsigned places = Http | Server | Location | LimitExcept;
  constexpr auto plain = rules::DirectiveSpec::Body::None;
  static constexpr std::array specs = std::to_array<rules::DirectiveSpec>({
      {"auth_basic", places, 1, 1, plain, &set_realm},
      {"auth_basic_user_file", places, 1, 1, plain, &set_user_file},
      {"auth_basic_keep_users", places, 1, 1, plain, &rules::set_flag<&BasicAuthSettings::keep_users>},
  });
  language.add_directives(specs);
  language.add_finish(&warn_of_open_doors);
  language.add_access_check(std::make_unique<BasicAuth>());
  describe_auth_request(language);  // asked last, as nginx does
}

}  // namespace caisson::auth
