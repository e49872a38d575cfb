// Ready-made DirectiveSpec::apply functions for directives that set one std::optional member of a settings type:
//     {"client_max_body_size", Http | Server | Location, 1, 1, None, &rules::set_offset<&CoreSettings::max_body>}
// Each refuses a second directive at the same level with nginx's "is duplicate".
#pragma once

#include <utility>

#include "config/arguments.h"
#include "rules/loader.h"

namespace caisson::rules {

namespace detail {

template <class T, class Member>
T owner_of(Member T::*);

template <auto Member>
using OwnerOf = decltype(owner_of(Member));

template <auto Member, class V>
Result<void> store(Loader& loader, const config::Directive& directive, Result<V> value) {
  auto& target = loader.level().own<OwnerOf<Member>>().*Member;
  if (target) return config::config_error(directive, "is duplicate");
  if (!value.ok()) return std::move(value).error();
  target = std::move(value).value();
  return {};
}

}  // namespace detail

template <auto Member>
Result<void> set_flag(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, config::flag_arg(directive));
}
template <auto Member>
Result<void> set_size(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, config::size_arg(directive));
}
template <auto Member>
Result<void> set_offset(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, config::offset_arg(directive));
}
template <auto Member>
Result<void> set_number(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, config::number_arg(directive));
}
template <auto Member>
Result<void> set_milliseconds(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, config::milliseconds_arg(directive));
}
template <auto Member>
Result<void> set_seconds(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, config::seconds_arg(directive));
}
template <auto Member>
Result<void> set_text(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, Result<std::string>(directive.args[0]));
}
template <auto Member>
Result<void> set_template(Loader& loader, const config::Directive& directive) {
  return detail::store<Member>(loader, directive, loader.compile(directive.args[0], directive));
}

}  // namespace caisson::rules
