// auth.token.* as directives.
#include <array>

#include "registry/face/compose.h"

namespace caisson::registry::face {
namespace {

struct Option {
  std::string_view path;
  std::string_view directive;
  std::string_view what;  // for whoever left it out
};
constexpr std::array required = {
    Option{"auth.token.realm", "auth_token", "the URL of the token server"},
    Option{"auth.token.service", "auth_token_service", "the name that tokens are made out to"},
    Option{"auth.token.issuer", "auth_token_issuer", "the name that the token server gives itself"},
};

}  // namespace

Block token_guards(const Values& values, const config::SourcePos& section, Findings& findings) {
  const auto fail = [&](const std::string& key, std::string_view what) {
    findings.errors.push_back(
        config::error_at(section, "\"auth.token\" needs a \"" + key + "\", " + std::string(what)));
  };
  Block guards;
  for (const Option& option : required) {
    const Value* const value = values.find(std::string(option.path));
    if (value == nullptr) {
      fail(std::string(option.path.substr(option.path.rfind('.') + 1)), option.what);
    } else {
      guards.push_back(line(std::string(option.directive), {value->word()}, value->at));
    }
  }
  const Value* const bundle = values.find("auth.token.rootcertbundle");
  const Value* const key_set = values.find("auth.token.jwks");
  if (bundle == nullptr && key_set == nullptr) {
    fail("rootcertbundle", "the file of certificates that tokens are signed with");
    return guards;
  }
  config::Directive keys = line("auth_token_keys", {}, bundle != nullptr ? bundle->at : key_set->at);
  for (const Value* const file : {bundle, key_set}) {
    if (file != nullptr) keys.args.push_back(file->word());
  }
  guards.push_back(std::move(keys));
  if (const Value* redirects = values.find("auth.token.autoredirect")) {
    guards.push_back(line("auth_token_autoredirect", {redirects->word()}, redirects->at));
  }
  return guards;
}

}  // namespace caisson::registry::face
