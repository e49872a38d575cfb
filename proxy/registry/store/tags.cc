// The tags of a repository.
#include <algorithm>
#include <array>

#include "registry/store/repository.h"
#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

// Names in all.
constexpr std::size_t kMostRemembered = 400'000;

// The tags among `folders`. `before` is what was known of the same repository earlier, or null; `is_tag` looks into one
// folder.
template <class IsTag>
Result<std::shared_ptr<const TagList>> tell_apart(const Names& folders, const std::shared_ptr<const TagList>& before,
                                                  IsTag is_tag) {
  if (before && before->folders == folders && before->others.empty()) return before;
  auto list = std::make_shared<TagList>(TagList{folders, {}});
  std::size_t old = 0;  // a position in before->folders, which goes along, as both are sorted
  for (std::size_t i = 0; i < folders->size(); ++i) {
    const std::string& name = (*folders)[i];
    if (before) {
      while (old < before->folders->size() && (*before->folders)[old] < name) ++old;
      const bool known = old < before->folders->size() && (*before->folders)[old] == name;
      if (known && !std::binary_search(before->others.begin(), before->others.end(), old)) continue;
    }
    auto found = is_tag(name);
    if (!found.ok()) return std::move(found).error();
    if (!found.value()) list->others.push_back(static_cast<std::uint32_t>(i));
  }
  return std::shared_ptr<const TagList>(std::move(list));
}

Page page_of(const TagList& list, std::string_view after, std::size_t limit) {
  Page page;
  const auto begin = std::upper_bound(list.folders->begin(), list.folders->end(), after);
  auto other = list.others.begin();
  for (auto i = static_cast<std::size_t>(begin - list.folders->begin()); i < list.folders->size(); ++i) {
    other = std::lower_bound(other, list.others.end(), i);
    if (other != list.others.end() && *other == i) continue;
    if (page.names.size() == limit) {
      page.more = true;
      break;
    }
    page.names.push_back((*list.folders)[i]);
  }
  return page;
}

}  // namespace

TagLists::TagLists() : lists_(kMostRemembered) {}

std::shared_ptr<const TagList> TagLists::find(const std::string& repository) {
  const std::lock_guard lock(mutex_);
  const auto* found = lists_.find(repository);
  return found != nullptr ? *found : nullptr;
}

void TagLists::put(const std::string& repository, std::shared_ptr<const TagList> list) {
  const std::size_t weight = 1 + list->folders->size();
  const std::lock_guard lock(mutex_);
  lists_.put(repository, std::move(list), weight);
}

Result<Digest> Repository::tagged(const Tag& tag) const {
  return store_->read_link(Layout::tag_current_link(name_, tag));
}

Result<std::vector<Tag>> Repository::tags_of(const Digest& digest) const {
  std::vector<Tag> tags;
  auto names = store_->driver().folders(Layout::tags(name_));
  if (!names.ok() && names.error().code == ErrorCode::NotFound) return tags;
  if (!names.ok()) return std::move(names).error();
  for (const std::string& name : *names.value()) {
    auto tag = Tag::parse(name);
    if (!tag.ok()) continue;
    auto target = tagged(tag.value());
    if (!target.ok() && target.error().code != ErrorCode::NotFound) return std::move(target).error();
    if (target.ok() && target.value() == digest) tags.push_back(std::move(tag).value());
  }
  return tags;
}

Result<void> Repository::delete_tag(const Tag& tag) {
  auto held = store_->driver().hold(Layout::tags_lock(name_), Sharing::Alone);
  if (!held.ok()) return std::move(held).error();
  if (auto target = tagged(tag); !target.ok()) return std::move(target).error();
  const std::array folders{Layout::tag(name_, tag)};
  return store_->driver().remove(folders);
}

Result<Page> Repository::tags(std::string_view after, std::size_t limit) const {
  auto folders = store_->driver().folders(Layout::repository(name_));
  if (!folders.ok()) return std::move(folders).error();
  const auto has = [&](std::string_view folder) {
    return std::binary_search(folders.value()->begin(), folders.value()->end(), folder);
  };
  if (!has(kLayersFolder) && !has(kManifestsFolder)) {
    return Error{ErrorCode::NotFound, "no repository \"" + name_.str() + '"'};
  }
  if (limit == 0) return Page{};
  auto names = store_->driver().folders(Layout::tags(name_));
  if (!names.ok()) {
    if (names.error().code == ErrorCode::NotFound) return Page{};
    return std::move(names).error();
  }
  const auto before = store_->tag_lists().find(name_.str());
  auto list = tell_apart(names.value(), before, [this](const std::string& name) -> Result<bool> {
    auto tag = Tag::parse(name);
    if (!tag.ok()) return false;
    auto target = tagged(tag.value());
    if (!target.ok() && target.error().code != ErrorCode::NotFound) return std::move(target).error();
    return target.ok();
  });
  if (!list.ok()) return std::move(list).error();
  if (list.value() != before) store_->tag_lists().put(name_.str(), list.value());
  return page_of(*list.value(), after, limit);
}

}  // namespace caisson::registry::store
