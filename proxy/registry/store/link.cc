// Links: small files that hold a digest.
#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// Longer than any link that is one.
constexpr std::size_t kLongestLink = 512;

}  // namespace

Result<Digest> Store::read_link(const Key& link) const {
  auto text = driver_->get(link, kLongestLink);
  if (!text.ok() && text.error().code != ErrorCode::TooLarge) return std::move(text).error();
  if (text.ok()) {
    auto target = Digest::parse(text.value());
    if (target.ok()) return target;
  }
  report_once(link, text.ok() && text.value().empty() ? "is an empty link, treated as absent"
                                                      : "holds no digest, treated as absent");
  return Error{ErrorCode::NotFound, "malformed link \"" + link.path() + '"'};
}

Result<void> Store::write_link(const Key& link, const Digest& target) { return driver_->put(link, target.str()); }

}  // namespace caisson::registry::store
