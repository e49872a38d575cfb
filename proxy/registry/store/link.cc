// Links: small files that hold a digest.
#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// Longer than any link that is one.
constexpr std::size_t kLongestLink = 512;

}  // namespace

LinkLook Store::look_at_link(const Key& link) const {
  using State = LinkLook::State;
  auto text = driver_->get(link, kLongestLink);
  if (!text.ok()) {
    const ErrorCode code = text.error().code;
    const State state = code == ErrorCode::TooLarge   ? State::Malformed
                        : code == ErrorCode::NotFound ? State::Absent
                                                      : State::Unreadable;
    return {state, {}, {}, std::move(text).error()};
  }
  if (text.value().empty()) return {State::Empty, {}, {}, {}};
  auto target = Digest::parse(text.value());
  if (!target.ok()) return {State::Malformed, {}, std::move(text).value(), {}};
  return {State::Good, std::move(target).value(), std::move(text).value(), {}};
}

Result<Digest> Store::read_link(const Key& link) const {
  LinkLook look = look_at_link(link);
  using State = LinkLook::State;
  if (look.state == State::Good) return std::move(*look.target);
  if (look.state == State::Absent || look.state == State::Unreadable) return std::move(look.problem);
  report_once(
      link, look.state == State::Empty ? "is an empty link, treated as absent" : "holds no digest, treated as absent");
  return Error{ErrorCode::NotFound, "malformed link \"" + link.path() + '"'};
}

Result<void> Store::write_link(const Key& link, const Digest& target) { return driver_->put(link, target.str()); }

}  // namespace caisson::registry::store
