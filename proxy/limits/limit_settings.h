// What limit_req and limit_conn have in common: the status of a refusal, the level of its log line, the dry run.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "observe/error_log.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::limits {

// Tag tells the settings of one module from those of the other.
template <class Tag>
struct LimitSettings {
  std::optional<std::uint64_t> status;
  std::optional<observe::Level> log_level;
  std::optional<bool> dry_run;

  void inherit(const LimitSettings& outer) {
    rules::inherit(status, outer.status);
    rules::inherit(log_level, outer.log_level);
    rules::inherit(dry_run, outer.dry_run);
  }
  unsigned refusal() const noexcept { return static_cast<unsigned>(status.value_or(503)); }
  observe::Level level() const noexcept { return log_level.value_or(observe::Level::Error); }
};

template <class Tag>
Result<void> set_status(rules::Loader& loader, const config::Directive& d) {
  using Settings = LimitSettings<Tag>;
  if (Result<void> set = rules::set_number<&Settings::status>(loader, d); !set.ok()) return set;
  const std::uint64_t status = *loader.level().own<Settings>().status;
  if (status >= 400 && status <= 599) return {};
  return config::error_at(d.at, "value must be between 400 and 599");
}

template <class Tag>
Result<void> set_log_level(rules::Loader& loader, const config::Directive& d) {
  auto& level = loader.level().own<LimitSettings<Tag>>().log_level;
  if (level) return config::config_error(d, "is duplicate");
  for (const auto known : {observe::Level::Info, observe::Level::Notice, observe::Level::Warn, observe::Level::Error}) {
    if (d.args[0] == observe::name_of(known)) level = known;
  }
  if (!level) return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
  return {};
}

inline constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;

// The rows of PREFIX_status, PREFIX_log_level and PREFIX_dry_run.
template <class Tag>
constexpr std::array<rules::DirectiveSpec, 3> common_rows(std::string_view status, std::string_view log_level,
                                                          std::string_view dry_run) {
  constexpr auto none = rules::DirectiveSpec::Body::None;
  return {{{status, everywhere, 1, 1, none, &set_status<Tag>},
           {log_level, everywhere, 1, 1, none, &set_log_level<Tag>},
           {dry_run, everywhere, 1, 1, none, &rules::set_flag<&LimitSettings<Tag>::dry_run>}}};
}

}  // namespace caisson::limits
