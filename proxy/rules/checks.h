// Ready-made DirectiveSpec::apply functions for directives that are accepted without effect: what they say is checked
// as nginx checks it, and forgotten.
//     {"aio_write", Http | Server | Location, 1, 1, None, &rules::check_flag, "files are read in slices"}
// Each refuses a second directive at the same level with nginx's "is duplicate".
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "base/text.h"
#include "config/arguments.h"
#include "rules/loader.h"

namespace caisson::rules {

namespace detail {

// The names that were accepted at a level.
struct Accepted {
  std::set<std::string> names;
};

inline Result<void> once(Loader& loader, const config::Directive& directive) {
  if (loader.level().own<Accepted>().names.insert(directive.name).second) return {};
  return config::config_error(directive, "is duplicate");
}

template <auto Read>
Result<void> check(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = once(loader, directive); !first.ok()) return first;
  auto value = Read(directive, 0);
  return value.ok() ? Result<void>() : Result<void>(std::move(value).error());
}

}  // namespace detail

inline constexpr auto check_once = &detail::once;
inline constexpr auto check_flag = &detail::check<&config::flag_arg>;
inline constexpr auto check_size = &detail::check<&config::size_arg>;
inline constexpr auto check_offset = &detail::check<&config::offset_arg>;
inline constexpr auto check_number = &detail::check<&config::number_arg>;
inline constexpr auto check_milliseconds = &detail::check<&config::milliseconds_arg>;
inline constexpr auto check_seconds = &detail::check<&config::seconds_arg>;

// NUMBER SIZE, as in "output_buffers 2 32k" (ngx_conf_set_bufs_slot).
inline Result<void> check_buffers(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = detail::once(loader, directive); !first.ok()) return first;
  const auto valid = [](const auto& value) { return value && *value != 0; };
  if (valid(config::parse_number(directive.args[0])) && valid(config::parse_size(directive.args[1]))) return {};
  return config::config_error(directive, "invalid value");
}

// Some of these words, where Words is an array of std::string_view in static storage (ngx_conf_set_enum_slot,
// ngx_conf_set_bitmask_slot); the row says how many.
template <const auto& Words>
Result<void> check_words(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = detail::once(loader, directive); !first.ok()) return first;
  for (const std::string& word : directive.args) {
    const auto same = [&](std::string_view known) { return text::iequals(known, word); };
    if (std::any_of(std::begin(Words), std::end(Words), same)) continue;
    return config::error_at(directive.at, "invalid value \"" + word + '"');
  }
  return {};
}

// A number within bounds (ngx_conf_check_num_bounds).
template <std::uint64_t Low, std::uint64_t High>
Result<void> check_between(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = detail::once(loader, directive); !first.ok()) return first;
  const Result<std::uint64_t> number = config::number_arg(directive);
  if (!number.ok()) return number.error();
  if (number.value() >= Low && number.value() <= High) return {};
  return config::error_at(directive.at,
                          "value must be between " + std::to_string(Low) + " and " + std::to_string(High));
}

// Text with variables in it.
inline Result<void> check_template(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = detail::once(loader, directive); !first.ok()) return first;
  const Result<Template> compiled = loader.compile(directive.args.back(), directive);
  return compiled.ok() ? Result<void>() : Result<void>(compiled.error());
}

// Anything, also several times.
inline Result<void> check_nothing(Loader&, const config::Directive&) { return {}; }

}  // namespace caisson::rules
