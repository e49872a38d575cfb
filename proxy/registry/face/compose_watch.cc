// log.* and health.* as directives.
#include <algorithm>
#include <array>

#include "registry/face/compose.h"

namespace caisson::registry::face {
namespace {

// The parameters of a check, "interval=10000ms" and its like, of a section or a list's item.
void add_parameters(config::Directive& check, const Values& values, const std::string& at) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> parameters = {
      {{".interval", "interval="}, {".threshold", "threshold="}, {".timeout", "timeout="}, {".statuscode", "status="}}};
  for (const auto& [key, parameter] : parameters) {
    const Value* const value = values.find(at + std::string(key));
    if (value != nullptr) check.args.push_back(std::string(parameter) + value->word());
  }
  for (const auto& [name, value] : values.below(at + ".headers")) {
    for (const std::string& word : value->words) check.args.push_back("header=" + name + ": " + word);
  }
}

struct ListOfChecks {
  std::string_view list;
  std::string_view target;  // the key of an item that names what is looked at
  std::string_view kind;    // in the directive
};
constexpr std::array lists = {
    ListOfChecks{"health.file", "file", "no_file"},
    ListOfChecks{"health.http", "uri", "http"},
    ListOfChecks{"health.tcp", "addr", "tcp"},
};

void add_list(Block& http, const ListOfChecks& checks, const Values& values, Findings& findings) {
  const std::string list(checks.list);
  for (std::size_t i = 0; i < values.items(list); ++i) {
    const std::string item = list + '[' + std::to_string(i) + ']';
    const Value* const target = values.find(item + '.' + std::string(checks.target));
    if (target == nullptr) {
      findings.errors.push_back(config::error_at(
          values.section(item).value(), '"' + list + "\" needs a \"" + std::string(checks.target) + "\" in each item"));
      continue;
    }
    config::Directive check =
        line("health_check", {target->word(), std::string(checks.kind), target->word()}, target->at);
    add_parameters(check, values, item);
    http.push_back(std::move(check));
  }
}

}  // namespace

void add_health_checks(Block& http, const Values& values, Findings& findings) {
  if (values.on("health.storagedriver.enabled")) {
    const Value* const root = values.find("storage.filesystem.rootdirectory");
    config::Directive check = line(
        "health_check", {"storagedriver_filesystem", "folder", root != nullptr ? root->word() : "/var/lib/registry"},
        values.find("health.storagedriver.enabled")->at);
    add_parameters(check, values, "health.storagedriver");
    http.push_back(std::move(check));
  }
  for (const ListOfChecks& checks : lists) add_list(http, checks, values, findings);
}

void add_error_log(Block& top, const Values& values, const config::SourcePos& otherwise, Findings& findings) {
  const Value* const formatter = values.find("log.formatter");
  config::Directive format = line("error_log_format", {"text"}, formatter != nullptr ? formatter->at : otherwise);
  if (formatter != nullptr) {
    format.args[0] = formatter->word();
    constexpr std::array known = {"text", "json", "logstash"};
    if (std::find(known.begin(), known.end(), formatter->word()) == known.end()) {
      findings.errors.push_back(config::error_at(
          formatter->at, "\"log.formatter\" is text, json or logstash, not \"" + formatter->word() + '"'));
    }
  }
  for (const auto& [name, value] : values.below("log.fields")) format.args.push_back(name + '=' + value->word());
  top.push_back(std::move(format));

  const Value* level = values.find("log.level");
  if (level == nullptr) level = values.find("loglevel");
  if (level == nullptr) return top.push_back(line("error_log", {"stderr", "info"}, otherwise));
  constexpr std::array levels = {"error", "warn", "info", "debug"};
  if (std::find(levels.begin(), levels.end(), level->word()) == levels.end()) {
    findings.errors.push_back(
        config::error_at(level->at, "\"log.level\" is error, warn, info or debug, not \"" + level->word() + '"'));
  }
  top.push_back(line("error_log", {"stderr", level->word()}, level->at));
}

}  // namespace caisson::registry::face
