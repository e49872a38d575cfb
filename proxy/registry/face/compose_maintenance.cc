// storage.maintenance.garbagecollect and .retention as directives. registry:2 knows neither, and passes over them.
#include <array>
#include <span>

#include "registry/face/compose.h"

namespace caisson::registry::face {
namespace {

struct Parameter {
  std::string_view key;
  std::string_view name;  // with its "="
};

void add_parameters(config::Directive& directive, const Values& values, const std::string& section,
                    std::span<const Parameter> parameters) {
  for (const auto& [key, name] : parameters) {
    const Value* const value = values.find(section + '.' + std::string(key));
    if (value != nullptr) directive.args.push_back(std::string(name) + value->word());
  }
}

}  // namespace

void add_collecting(Block& upstream, const Values& values, Findings& findings) {
  const std::string collecting = "storage.maintenance.garbagecollect";
  if (const auto at = values.section(collecting)) {
    config::Directive directive = line("registry_gc", {}, *at);
    const Value* const enabled = values.find(collecting + ".enabled");
    if (enabled != nullptr && enabled->word() == "off") directive.args.emplace_back("off");
    constexpr std::array parameters = {Parameter{"interval", "interval="}, Parameter{"grace", "grace="},
                                       Parameter{"trash", "trash="},       Parameter{"rate", "rate="},
                                       Parameter{"untagged", "untagged="}, Parameter{"dryrun", "dry_run="}};
    add_parameters(directive, values, collecting, parameters);
    upstream.push_back(std::move(directive));
  }
  const std::string list = "storage.maintenance.retention";
  for (std::size_t i = 0; i < values.items(list); ++i) {
    const std::string item = list + '[' + std::to_string(i) + ']';
    const Value* const repositories = values.find(item + ".repositories");
    if (repositories == nullptr) {
      findings.errors.push_back(config::error_at(values.section(item).value(),
                                                 '"' + list + "\" needs \"repositories\" in each item, a pattern",
                                                 "\"repositories: .\" is for all of them"));
      continue;
    }
    config::Directive directive = line("registry_retention", {repositories->word()}, repositories->at);
    constexpr std::array parameters = {Parameter{"newest", "newest="}, Parameter{"younger", "younger="},
                                       Parameter{"keep", "keep="}, Parameter{"dryrun", "dry_run="}};
    add_parameters(directive, values, item, parameters);
    upstream.push_back(std::move(directive));
  }
}

}  // namespace caisson::registry::face
