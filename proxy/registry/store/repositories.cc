#include "registry/store/repositories.h"

#include <algorithm>

namespace caisson::registry::store {
namespace {

class Walk {
 public:
  Walk(const Driver& driver, const std::function<Result<void>(const RepositoryName&)>& visit,
       const std::optional<TrashName>& trash)
      : driver_(driver), visit_(visit), trash_(trash) {}

  Result<void> go() { return descend("", Layout::repositories()); }

 private:
  // Visits what is below the folder of the path `prefix`.
  Result<void> descend(const std::string& prefix, const Key& folder) {
    auto names = folders_if_any(driver_, trash_ ? Layout::in_trash(*trash_, folder) : folder);
    if (!names.ok()) return std::move(names).error();
    const auto has = [&](std::string_view name) {
      return std::binary_search(names.value()->begin(), names.value()->end(), name);
    };
    if (!prefix.empty() && (has(kLayersFolder) || has(kManifestsFolder) || has(kUploadsFolder))) {
      auto name = RepositoryName::parse(std::string_view(prefix).substr(0, prefix.size() - 1));
      if (auto done = visit_(name.value()); !done.ok()) return done;
    }
    for (const std::string& name : *names.value()) {
      auto inner = RepositoryName::parse(prefix + name);
      if (!inner.ok()) continue;
      if (auto done = descend(prefix + name + '/', Layout::repository(inner.value())); !done.ok()) return done;
    }
    return {};
  }

  const Driver& driver_;
  const std::function<Result<void>(const RepositoryName&)>& visit_;
  const std::optional<TrashName>& trash_;
};

}  // namespace

Result<Names> folders_if_any(const Driver& driver, const Key& folder) {
  auto names = driver.folders(folder);
  if (names.ok() || names.error().code != ErrorCode::NotFound) return names;
  return std::make_shared<const std::vector<std::string>>();
}

Result<void> each_repository(const Driver& driver, const std::function<Result<void>(const RepositoryName&)>& visit,
                             const std::optional<TrashName>& trash) {
  return Walk(driver, visit, trash).go();
}

}  // namespace caisson::registry::store
