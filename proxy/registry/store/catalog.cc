// The list of all repositories: a walk through their folders that skips what lies before its start and stops when the
// page is full.
#include <algorithm>

#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

class Walk {
 public:
  Walk(const Driver& driver, std::string_view after, std::size_t limit)
      : driver_(driver), after_(after), limit_(limit) {}

  // Visits the folders in `names`, each with what is below it, in the order of the catalog.
  Result<void> visit(const std::string& prefix, const Names& names) {
    // Within one folder that order is bytewise: what comes before the start's own part needs no look.
    const std::string_view part = part_of_start(prefix);
    for (auto at = std::lower_bound(names->begin(), names->end(), part); at != names->end(); ++at) {
      if (page_.more) return {};
      const std::string& name = *at;
      if (name.starts_with('_')) continue;
      const std::string path = prefix + name;
      auto repository = RepositoryName::parse(path);
      if (!repository.ok() || lies_before_start(path)) continue;
      auto inner = driver_.folders(Layout::repository(repository.value()));
      if (!inner.ok()) {
        if (inner.error().code == ErrorCode::NotFound) continue;  // removed meanwhile
        return std::move(inner).error();
      }
      if (std::binary_search(inner.value()->begin(), inner.value()->end(), kLayersFolder)) add(path);
      if (auto done = visit(path + '/', inner.value()); !done.ok()) return done;
    }
    return {};
  }

  Page take() { return std::move(page_); }

 private:
  // The component of the start that stands in the folder `prefix`; "" when the start lies elsewhere.
  std::string_view part_of_start(const std::string& prefix) const {
    if (!after_.starts_with(prefix)) return {};
    const std::string_view rest = after_.substr(prefix.size());
    return rest.substr(0, rest.find('/'));
  }

  // Whether neither this folder nor anything below it comes after the start.
  bool lies_before_start(const std::string& path) const {
    return compare_components(path, after_) < 0 && !after_.starts_with(path + '/');
  }

  void add(const std::string& path) {
    if (compare_components(path, after_) <= 0) return;
    if (page_.names.size() == limit_) {
      page_.more = true;
    } else {
      page_.names.push_back(path);
    }
  }

  const Driver& driver_;
  const std::string_view after_;
  const std::size_t limit_;
  Page page_;
};

}  // namespace

Result<Page> Store::catalog(std::string_view after, std::size_t limit) const {
  if (limit == 0) return Page{};
  auto names = driver_->folders(Layout::repositories());
  if (!names.ok()) {
    if (names.error().code == ErrorCode::NotFound) return Page{};  // nothing was ever pushed
    return std::move(names).error();
  }
  Walk walk(*driver_, after, limit);
  if (auto done = walk.visit("", names.value()); !done.ok()) return std::move(done).error();
  return walk.take();
}

Result<RepositoryName> Store::repository_with(const Digest& blob) {
  constexpr std::size_t kAtOnce = 1000;
  std::string after;
  for (;;) {
    auto page = catalog(after, kAtOnce);
    if (!page.ok()) return std::move(page).error();
    for (const std::string& text : page.value().names) {
      auto name = RepositoryName::parse(text);
      if (!name.ok()) continue;
      auto size = repository(name.value()).blob_size(blob);
      if (size.ok()) return name;
      if (size.error().code != ErrorCode::NotFound) return std::move(size).error();
    }
    if (!page.value().more) return Error{ErrorCode::NotFound, "no repository has " + blob.str()};
    after = page.value().names.back();
  }
}

}  // namespace caisson::registry::store
