#include "app/list_directives.h"

#include <set>
#include <string>
#include <utility>

namespace caisson::app {

namespace {

using rules::DirectiveSpec;

std::string contexts_of(unsigned blocks) {
  constexpr std::pair<unsigned, std::string_view> names[] = {
      {rules::Main, "main"},
      {rules::Events, "events"},
      {rules::Http, "http"},
      {rules::Upstream, "upstream"},
      {rules::Server, "server"},
      {rules::IfInServer, "if in server"},
      {rules::Location, "location"},
      {rules::IfInLocation, "if in location"},
      {rules::LimitExcept, "limit_except"},
  };
  std::string text;
  for (const auto& [block, name] : names) {
    if ((blocks & block) == 0) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

std::string arguments_of(const DirectiveSpec& spec) {
  std::string text = std::to_string(spec.least);
  if (spec.most == rules::any_number) {
    text += " or more";
  } else if (spec.most != spec.least) {
    text += " to " + std::to_string(spec.most);
  }
  if (spec.body == DirectiveSpec::Body::Required) text = spec.most == 0 ? "a block" : text + " and a block";
  return text;
}

std::string tier_of(const DirectiveSpec& spec) {
  if (spec.effective()) return "honoured";
  std::string text = "accepted without effect";
  if (!spec.no_effect.empty()) text += ": " + std::string(spec.no_effect);
  return text;
}

}  // namespace

void list_directives(const rules::Language& language, std::ostream& out) {
  std::set<std::string> lines;
  for (const DirectiveSpec& spec : language.directives()) {
    lines.insert(std::string(spec.name) + '\t' + contexts_of(spec.blocks) + '\t' + arguments_of(spec) + '\t' +
                 tier_of(spec));
  }
  for (const rules::RefusedDirective& refused : language.refused()) {
    lines.insert(std::string(refused.name) + "\tanywhere\tany\trefused: " + std::string(refused.way_out));
  }
  for (const std::string& line : lines) out << line << '\n';
}

}  // namespace caisson::app
