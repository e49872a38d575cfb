#include "registry/store/trash.h"

#include <array>
#include <ranges>

namespace caisson::registry::store {

Result<std::vector<TrashName>> trash_names(const Driver& driver) {
  std::vector<TrashName> all;
  auto names = driver.folders(Layout::trash());
  if (!names.ok() && names.error().code == ErrorCode::NotFound) return all;
  if (!names.ok()) return std::move(names).error();
  for (const std::string& text : *names.value()) {
    if (auto name = TrashName::parse(text); name.ok()) all.push_back(std::move(name).value());
  }
  return all;
}

Result<void> bring_back(Driver& driver, const Key& place) {
  auto names = trash_names(driver);
  if (!names.ok()) return std::move(names).error();
  for (const TrashName& name : std::views::reverse(names.value())) {
    auto moved = driver.move(Layout::in_trash(name, place), place);
    if (!moved.ok() && moved.error().code == ErrorCode::NotFound) continue;
    if (!moved.ok()) return moved;
    return driver.settle(std::array{place});
  }
  return Error{ErrorCode::NotFound, '"' + place.path() + "\" is not in the trash"};
}

Result<std::size_t> empty_trash(Driver& driver, Time before) {
  auto names = trash_names(driver);
  if (!names.ok()) return std::move(names).error();
  std::vector<Key> old;
  for (const TrashName& name : names.value()) {
    if (name.time() < before) old.push_back(Layout::trash(name));
  }
  if (auto removed = driver.remove(old); !removed.ok()) return std::move(removed).error();
  return old.size();
}

}  // namespace caisson::registry::store
