#include "gateway/answers/registry_errors.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "gateway/core_settings.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/setters.h"

namespace caisson::gateway {

using rules::DirectiveSpec;

namespace {

struct RegistryErrors {
  std::optional<bool> on;
  void inherit(const RegistryErrors& outer) { rules::inherit(on, outer.on); }
};

// The OCI distribution specification's codes, section "Error Codes".
struct Description {
  unsigned status;
  std::string_view code;
  std::string_view message;
};

constexpr std::array descriptions = {
    Description{401, "UNAUTHORIZED", "authentication required"},
    Description{403, "DENIED", "requested access to the resource is denied"},
    Description{413, "SIZE_INVALID", "the request is larger than this server takes"},
    Description{429, "TOOMANYREQUESTS", "too many requests"},
    Description{500, "UNKNOWN", "unknown error"},
    Description{502, "UNAVAILABLE", "the registry behind this server cannot be reached"},
    Description{503, "UNAVAILABLE", "service unavailable"},
    Description{504, "UNAVAILABLE", "the registry behind this server did not answer in time"},
};

const rules::RegistryFront* front_of(const rules::RequestState& state) {
  return dynamic_cast<const rules::RegistryFront*>(state.settings<rules::Content>().handler.get());
}

bool speaks_as_registry(const rules::RequestState& state) {
  const auto& on = state.settings<RegistryErrors>().on;
  if (on && !*on) return false;
  const auto* content = front_of(state);
  if (content != nullptr && content->leads_to_registry()) return true;
  return on && (state.path == "/v2" || state.path.starts_with("/v2/"));
}

}  // namespace

bool is_challenge_for_registry(const rules::RequestState& state, unsigned status) {
  const auto& on = state.settings<RegistryErrors>().on;
  return status == 401 && on.value_or(true) && state.path.starts_with("/v2/") && front_of(state) != nullptr;
}

std::optional<std::string> registry_error_body(const rules::RequestState& state, unsigned status) {
  const auto known = std::find_if(descriptions.begin(), descriptions.end(),
                                  [status](const Description& each) { return each.status == status; });
  if (known == descriptions.end() || !speaks_as_registry(state)) return std::nullopt;
  std::string body = R"({"errors":[{"code":")";
  body += known->code;
  body += R"(","message":")";
  body += known->message;
  body += '"';
  if (status == 413) {
    body += R"(,"detail":{"client_max_body_size":)" + std::to_string(state.settings<CoreSettings>().max_body()) + '}';
  }
  if (status == 401) {
    const auto* content = front_of(state);
    const std::string accesses = content != nullptr ? content->wanted_accesses(state) : "";
    if (!accesses.empty()) body += R"(,"detail":)" + accesses;
  }
  return body += "}]}\n";
}

namespace {

constexpr std::array directives = {
    DirectiveSpec{"registry_json_errors", rules::Http | rules::Server | rules::Location, 1, 1,
                  DirectiveSpec::Body::None, &rules::set_flag<&RegistryErrors::on>},
};

}  // namespace

void describe_registry_errors(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
