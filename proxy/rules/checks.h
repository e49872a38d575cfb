// Ready-made DirectiveSpec::apply functions for directives that are accepted without effect: what they say is checked
// as nginx checks it, and forgotten.
//     {"aio_write", Http | Server | Location, 1, 1, None, &rules::check_flag, "files are read in slices"}
// Each refuses a second directive at the same level with nginx's "is duplicate".
#pragma once

#include <algorithm>
#include <set>
#include <span>
#include <string>

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

// NUMBER SIZE, as in "output_buffers 2 32k".
inline Result<void> check_buffers(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = detail::once(loader, directive); !first.ok()) return first;
  const auto valid = [&](const auto& value) { return value && *value != 0; };
  if (valid(config::parse_number(directive.args[0])) && valid(config::parse_size(directive.args[1]))) return {};
  return config::config_error(directive, "invalid value");
}

// One of some words, e.g. check_word<versions> with a static constexpr array of std::string_view
// (ngx_conf_set_enum_slot).
template <const auto& Words>
Result<void> check_word(Loader& loader, const config::Directive& directive) {
  if (Result<void> first = detail::once(loader, directive); !first.ok()) return first;
  if (std::find(std::begin(Words), std::end(Words), directive.args[0]) != std::end(Words)) return {};
  return config::error_at(directive.at, "invalid value \"" + directive.args[0] + '"');
}

}  // namespace caisson::rules
