#include "registry/api/collection_settings.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "config/arguments.h"
#include "rules/regex.h"

namespace caisson::registry {
namespace {

using std::chrono::milliseconds;

// In the background as many as leave a disk's time to those who serve.
constexpr std::size_t kUsualRate = 1000;

struct Parameter {
  std::string_view name;
  std::string_view value;
};

Parameter split(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, {}};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Error invalid(const config::Directive& directive, std::string_view text) {
  return config::config_error(directive, "has an invalid parameter \"" + std::string(text) + '"');
}

bool read_time(std::string_view text, milliseconds& into, milliseconds least) {
  const auto time = config::parse_milliseconds(text);
  if (!time || *time < least) return false;
  into = *time;
  return true;
}

bool read_flag(std::string_view text, bool& into) {
  into = text == "on";
  return text == "on" || text == "off";
}

Result<std::function<bool(const std::string&)>> read_pattern(const config::Directive& directive,
                                                             std::string_view text) {
  auto pattern = rules::Regex::compile(text, rules::Regex::Case::Sensitive);
  if (!pattern.ok()) return config::config_error(directive, "has a bad pattern: " + pattern.error().what);
  // A pattern that gives up keeps the tag, or leaves the repository alone.
  return std::function<bool(const std::string&)>([regex = std::move(pattern).value()](const std::string& subject) {
    return regex.match(subject, nullptr) == rules::Regex::Outcome::Match;
  });
}

bool read_parameter(const Parameter& parameter, Collecting& into) {
  const auto& [name, value] = parameter;
  constexpr milliseconds kLeast{1};
  if (name == "off" && value.empty()) return !(into.scheduled = false);
  if (name == "interval") return read_time(value, into.schedule.interval, kLeast);
  if (name == "first") return read_time(value, into.schedule.first_after.emplace(), milliseconds(0));
  if (name == "grace") return read_time(value, into.rules.grace, kLeast);
  if (name == "trash") return read_time(value, into.rules.keep_trash, milliseconds(0));
  if (name == "untagged") return read_flag(value, into.rules.delete_untagged);
  if (name == "dry_run") return read_flag(value, into.rules.dry_run);
  if (name != "rate") return false;
  const auto rate = config::parse_number(value);
  if (rate) into.rules.rate = *rate;
  return rate.has_value();
}

}  // namespace

Result<Collecting> read_collecting(const config::Directive& directive) {
  Collecting collecting;
  collecting.scheduled = true;
  collecting.rules.rate = kUsualRate;
  for (const std::string& text : directive.args) {
    if (!read_parameter(split(text), collecting)) return invalid(directive, text);
  }
  return collecting;
}

Result<maintenance::RetentionRule> read_retention(const config::Directive& directive) {
  maintenance::RetentionRule rule;
  auto applies = read_pattern(directive, directive.args[0]);
  if (!applies.ok()) return std::move(applies).error();
  rule.applies = std::move(applies).value();
  for (std::size_t i = 1; i < directive.args.size(); ++i) {
    const auto [name, value] = split(directive.args[i]);
    bool fits = true;
    if (name == "newest") {
      const auto number = config::parse_number(value);
      fits = number.has_value();
      if (number) rule.newest = *number;
    } else if (name == "younger") {
      fits = read_time(value, rule.younger.emplace(), milliseconds(1));
    } else if (name == "keep") {
      auto keep = read_pattern(directive, value);
      if (!keep.ok()) return std::move(keep).error();
      rule.matching = std::move(keep).value();
    } else {
      fits = name == "dry_run" && read_flag(value, rule.dry_run);
    }
    if (!fits) return invalid(directive, directive.args[i]);
  }
  if (!rule.newest && !rule.younger && !rule.matching) {
    return config::config_error(directive, "keeps nothing: it needs newest=, younger= or keep=");
  }
  return rule;
}

milliseconds lease_age_for(milliseconds grace) { return std::min<milliseconds>(grace / 4, std::chrono::minutes(15)); }

}  // namespace caisson::registry
