// notifications.* as directives.
#include <array>

#include "registry/face/compose.h"

namespace caisson::registry::face {
namespace {

const std::string list = "notifications.endpoints";

struct Parameter {
  std::string_view key;
  std::string_view directive;
};

// What is nothing or less counts as not said, as in registry:2.
constexpr std::array numbers = {Parameter{".timeout", "timeout="}, Parameter{".threshold", "threshold="},
                                Parameter{".backoff", "backoff="}};
constexpr std::array filters = {Parameter{".ignoredmediatypes", "ignore_type="},
                                Parameter{".ignore.mediatypes", "ignore_type="},
                                Parameter{".ignore.actions", "ignore_action="}};

void add_parameters(config::Directive& endpoint, const Values& values, const std::string& at) {
  for (const Parameter& number : numbers) {
    const Value* const value = values.find(at + std::string(number.key));
    if (value == nullptr || value->word() == "0" || value->word() == "0ms") continue;
    endpoint.args.push_back(std::string(number.directive) + value->word());
  }
  for (const auto& [name, value] : values.below(at + ".headers")) {
    for (const std::string& word : value->words) endpoint.args.push_back("header=" + name + ": " + word);
  }
  for (const Parameter& filter : filters) {
    const Value* const value = values.find(at + std::string(filter.key));
    if (value == nullptr) continue;
    for (const std::string& word : value->words) endpoint.args.push_back(std::string(filter.directive) + word);
  }
}

}  // namespace

void add_notifications(Block& upstream, const Values& values, Findings& findings) {
  bool any = false;
  for (std::size_t i = 0; i < values.items(list); ++i) {
    const std::string item = list + '[' + std::to_string(i) + ']';
    if (values.on(item + ".disabled")) continue;
    const Value* const name = values.find(item + ".name");
    const Value* const url = values.find(item + ".url");
    if (name == nullptr || url == nullptr) {
      findings.errors.push_back(config::error_at(values.section(item).value(),
                                                 '"' + list + "\" needs a \"name\" and a \"url\" in each item"));
      continue;
    }
    config::Directive endpoint = line("registry_notify", {name->word(), url->word()}, url->at);
    add_parameters(endpoint, values, item);
    upstream.push_back(std::move(endpoint));
    any = true;
  }
  if (!any) return;
  if (const Value* references = values.find("notifications.events.includereferences")) {
    upstream.push_back(line("registry_notify_references", {references->word()}, references->at));
  }
  // registry:2 calls itself by the machine's name and the port of http.addr.
  const Value* const addr = values.find("http.addr");
  const std::string where = addr != nullptr ? addr->word() : ":5000";
  if (const std::size_t colon = where.rfind(':'); colon != std::string::npos) {
    upstream.push_back(line("registry_notify_source", {where.substr(colon)}, values.section(list).value()));
  }
}

}  // namespace caisson::registry::face
