#include "auth/token/challenge.h"

#include <algorithm>
#include <string>

namespace caisson::auth::token {
namespace {

// A quoted-string of RFC 9110 section 5.6.4. Control characters cannot be quoted.
std::string quoted(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) continue;
    if (c == '"' || c == '\\') made += '\\';
    made += c;
  }
  return made + '"';
}

// "repository:a:pull,push repository:b:pull": each resource once, with all its actions.
std::string scope_of(const std::vector<registry::Access>& accesses) {
  struct Resource {
    const registry::Access* first;
    std::vector<std::string_view> actions;
  };
  std::vector<Resource> resources;
  for (const registry::Access& access : accesses) {
    auto found = std::find_if(resources.begin(), resources.end(), [&](const Resource& each) {
      return each.first->type == access.type && each.first->name == access.name;
    });
    if (found == resources.end()) found = resources.insert(found, {&access, {}});
    auto& actions = found->actions;
    if (std::find(actions.begin(), actions.end(), access.action) == actions.end()) actions.push_back(access.action);
  }
  std::string scope;
  for (const Resource& each : resources) {
    if (!scope.empty()) scope += ' ';
    scope += each.first->type + ':' + each.first->name + ':';
    for (const std::string_view action : each.actions) {
      if (scope.back() != ':') scope += ',';
      scope += action;
    }
  }
  return scope;
}

}  // namespace

http::Answer challenge(std::string_view realm, std::string_view service, const std::vector<registry::Access>& accesses,
                       Complaint complaint) {
  std::string value = "Bearer realm=" + quoted(realm) + ",service=" + quoted(service);
  if (const std::string scope = scope_of(accesses); !scope.empty()) value += ",scope=" + quoted(scope);
  if (complaint == Complaint::InvalidToken) value += ",error=\"invalid_token\"";
  if (complaint == Complaint::InsufficientScope) value += ",error=\"insufficient_scope\"";

  http::Answer answer;
  answer.status = 401;
  answer.headers.add("Content-Type", "application/json; charset=utf-8");
  answer.headers.add("Docker-Distribution-Api-Version", "registry/2.0");
  answer.headers.add("Www-Authenticate", std::move(value));
  answer.headers.add("X-Content-Type-Options", "nosniff");
  answer.body = R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":)" +
                registry::accesses_json(accesses) + "}]}\n";
  return answer;
}

}  // namespace caisson::auth::token
