#include "registry/maintenance/retention.h"

#include <algorithm>

namespace caisson::registry::maintenance {

std::optional<PackedDigest> subject_of_tag(const std::string& tag) {
  const std::size_t dash = tag.find('-');
  if (dash == std::string::npos) return std::nullopt;
  const std::size_t end = tag.find('.', dash);
  auto digest = store::Digest::parse(
      tag.substr(0, dash) + ':' + tag.substr(dash + 1, end == std::string::npos ? std::string::npos : end - dash - 1));
  if (!digest.ok()) return std::nullopt;
  return pack(digest.value());
}

std::vector<std::size_t> tags_to_remove(const RetentionRule& rule, std::span<const TagState> tags, store::Time now) {
  if (!rule.newest && !rule.younger && !rule.matching) return {};
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (!subject_of_tag(tags[i].tag.str())) left.push_back(i);
  }
  // The newest first; of those that were pushed at once the later name, so that the choice is always the same.
  std::sort(left.begin(), left.end(), [&](std::size_t a, std::size_t b) {
    if (tags[a].pointed != tags[b].pointed) return tags[a].pointed > tags[b].pointed;
    return tags[a].tag.str() > tags[b].tag.str();
  });
  if (rule.newest)
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(std::min(*rule.newest, left.size())));
  std::erase_if(left, [&](std::size_t i) {
    const bool young = rule.younger && now - tags[i].pointed < *rule.younger;
    return young || (rule.matching && rule.matching(tags[i].tag.str()));
  });
  return left;
}

}  // namespace caisson::registry::maintenance
