#include "registry/api/settings.h"

#include <algorithm>

#include "registry/manifest/manifest.h"

namespace caisson::registry {

bool LayerUrls::accepts(const std::string& url) const {
  if (unchecked) return true;
  if (!is_layer_url(url)) return false;
  // A pattern that gives up decides against the URL.
  const auto denies = [&](const rules::Regex& one) {
    return one.match(url, nullptr) != rules::Regex::Outcome::NoMatch;
  };
  const auto allows = [&](const rules::Regex& one) { return one.match(url, nullptr) == rules::Regex::Outcome::Match; };
  if (std::any_of(deny.begin(), deny.end(), denies)) return false;
  return allow.empty() || std::any_of(allow.begin(), allow.end(), allows);
}

}  // namespace caisson::registry
