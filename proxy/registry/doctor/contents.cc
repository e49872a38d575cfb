#include "registry/doctor/contents.h"

#include <ranges>

#include "base/text.h"
#include "registry/store/trash.h"

namespace caisson::registry::doctor {
namespace {

constexpr std::size_t kBlock = 1U << 20;

ContentState refused(const Error& error) {
  if (error.code == ErrorCode::NotFound) return {Fault::Missing, {}, 0, {}};
  return {Fault::Unreadable, error.what, 0, {}};
}

}  // namespace

std::optional<store::Key> Contents::thrown(const store::Digest& digest) const {
  const store::Key place = store::Layout::blob_data(digest);
  const auto trash = store::trash_names(store_.driver());
  if (!trash.ok()) return std::nullopt;
  for (const store::TrashName& name : std::views::reverse(trash.value())) {
    store::Key key = store::Layout::in_trash(name, place);
    if (store_.driver().size(key).ok()) return key;
  }
  return std::nullopt;
}

ContentState Contents::compute(const store::Digest& digest, const store::Key& place) {
  ContentState state;
  if (auto changed = store_.driver().changed(place); changed.ok()) state.changed = changed.value();
  auto content = store_.driver().open(place);
  if (!content.ok()) return refused(content.error());
  state.size = content.value()->size();
  if (state.size == 0 && !digest.is_of_nothing()) {
    state.fault = Fault::Empty;
    return state;
  }
  store::Hasher hasher(digest.algorithm());
  thread_local std::vector<std::byte> block(kBlock);
  for (std::uint64_t offset = 0; offset < state.size;) {
    throttle_.take(std::min<std::uint64_t>(kBlock, state.size - offset));
    auto read = content.value()->read(offset, block);
    if (!read.ok()) return refused({ErrorCode::Io, read.error().what + ", at byte " + std::to_string(offset)});
    if (read.value() == 0) break;
    hasher.update(std::span(block).first(read.value()));
    offset += read.value();
  }
  if (const store::Digest actual = hasher.digest(); actual != digest) {
    state.fault = Fault::Damaged;
    state.detail = "its " + std::to_string(state.size) + " bytes have " + actual.str();
  }
  return state;
}

ContentState Contents::examine(const store::Digest& digest) {
  ContentState state = compute(digest, store::Layout::blob_data(digest));
  if (state.fault == Fault::Missing) {
    if (const auto key = thrown(digest)) state = compute(digest, *key);
  }
  const std::lock_guard lock(mutex_);
  if (!state.fault || *state.fault == Fault::Missing) {
    faulty_.erase(digest.str());
  } else {
    faulty_.insert_or_assign(digest.str(), state);
  }
  return state;
}

ContentState Contents::state(const store::Digest& digest) {
  std::optional<ContentState> known;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = faulty_.find(digest.str()); found != faulty_.end()) known = found->second;
  }
  const store::Key place = store::Layout::blob_data(digest);
  if (known) {
    auto changed = store_.driver().changed(place);
    return changed.ok() && changed.value() == known->changed ? *known : examine(digest);
  }
  auto size = store_.driver().size(place);
  if (!size.ok() && size.error().code == ErrorCode::NotFound) {
    if (const auto key = thrown(digest)) size = store_.driver().size(*key);
  }
  if (!size.ok()) return refused(size.error());
  ContentState state{{}, {}, size.value(), {}};
  if (state.size == 0 && !digest.is_of_nothing()) state.fault = Fault::Empty;
  return state;
}

std::optional<std::string> Contents::manifest(const store::Digest& digest, ContentState& state) {
  auto bytes = store_.driver().get(store::Layout::blob_data(digest), store::kLargestManifest);
  if (!bytes.ok() && bytes.error().code == ErrorCode::NotFound) {
    if (const auto key = thrown(digest)) bytes = store_.driver().get(*key, store::kLargestManifest);
  }
  if (!bytes.ok()) {
    state = bytes.error().code == ErrorCode::TooLarge ? ContentState{Fault::NotAManifest, "it is too large", 0, {}}
                                                      : refused(bytes.error());
    return std::nullopt;
  }
  if (bytes.value().empty()) {
    state = {Fault::Empty, {}, 0, {}};
    return std::nullopt;
  }
  state = {{}, {}, bytes.value().size(), {}};
  if (digest_of(digest.algorithm(), text::bytes_of(bytes.value())) == digest) return std::move(bytes).value();
  state = examine(digest);
  return std::nullopt;
}

std::vector<store::Digest> Contents::faulty() const {
  std::vector<store::Digest> all;
  const std::lock_guard lock(mutex_);
  all.reserve(faulty_.size());
  for (const auto& [text, state] : faulty_) all.push_back(store::Digest::parse(text).value());
  return all;
}

void Contents::forget(const store::Digest& digest) {
  const std::lock_guard lock(mutex_);
  faulty_.erase(digest.str());
}

}  // namespace caisson::registry::doctor
