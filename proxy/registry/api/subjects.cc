#include "registry/api/subjects.h"

namespace caisson::registry {
namespace {

// A quarter of a kilobyte each.
constexpr std::size_t kMostRemembered = 200'000;

}  // namespace

std::optional<std::string> Subjects::find(const store::Digest& manifest) const {
  const std::lock_guard lock(mutex_);
  const auto found = subject_of_.find(manifest.str());
  if (found == subject_of_.end()) return std::nullopt;
  return found->second;
}

void Subjects::remember(const store::Digest& manifest, const std::optional<store::Digest>& subject) {
  const std::lock_guard lock(mutex_);
  // Any one goes: in a list longer than this, the oldest would be exactly the one that is asked for next.
  if (subject_of_.size() >= kMostRemembered) subject_of_.erase(subject_of_.begin());
  subject_of_.insert_or_assign(manifest.str(), subject ? subject->str() : std::string());
}

}  // namespace caisson::registry
