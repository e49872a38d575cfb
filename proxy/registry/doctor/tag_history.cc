#include "registry/doctor/tag_history.h"

#include <array>

namespace caisson::registry::doctor {

using store::Digest;

std::vector<Digest> tag_history(const store::Store& store, const store::RepositoryName& name, const store::Tag& tag) {
  std::vector<Digest> history;
  for (const store::Algorithm algorithm : std::array{store::Algorithm::Sha256, store::Algorithm::Sha512}) {
    auto names = store.driver().folders(store::Layout::tag_index(name, tag, algorithm));
    if (!names.ok()) continue;
    for (const std::string& text : *names.value()) {
      auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + text);
      if (digest.ok()) history.push_back(std::move(digest).value());
    }
  }
  return history;
}

}  // namespace caisson::registry::doctor
