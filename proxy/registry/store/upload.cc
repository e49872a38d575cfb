#include "registry/store/upload.h"

#include <vector>

#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

constexpr std::size_t kMostParked = 4096;
constexpr std::size_t kHashBlock = 1U << 20;

}  // namespace

void ParkedUploads::put(const std::string& folder, State state) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_folder_.find(folder); found != by_folder_.end()) {
    entries_.erase(found->second);
    by_folder_.erase(found);
  }
  if (entries_.size() >= kMostParked) {
    by_folder_.erase(entries_.front().first);
    entries_.pop_front();
  }
  entries_.emplace_back(folder, std::move(state));
  by_folder_.emplace(folder, std::prev(entries_.end()));
}

std::optional<ParkedUploads::State> ParkedUploads::take(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  const auto found = by_folder_.find(folder);
  if (found == by_folder_.end()) return std::nullopt;
  State state = std::move(found->second->second);
  entries_.erase(found->second);
  by_folder_.erase(found);
  return state;
}

Result<Hasher> hash_of(const Draft& draft, Algorithm algorithm) {
  Hasher hasher(algorithm);
  std::vector<std::byte> block(kHashBlock);
  for (std::uint64_t offset = 0; offset < draft.size();) {
    auto read = draft.read(offset, block);
    if (!read.ok()) return std::move(read).error();
    if (read.value() == 0) return Error{ErrorCode::Io, "an upload's data became shorter"};
    hasher.update(std::span(block).first(read.value()));
    offset += read.value();
  }
  return hasher;
}

Result<void> Upload::append(std::span<const std::byte> bytes) {
  if (auto appended = draft_->append(bytes); !appended.ok()) return appended;
  hasher_.update(bytes);
  return {};
}

Result<void> Upload::rewind(Mark mark) {
  if (auto done = draft_->truncate(mark.size); !done.ok()) return done;
  hasher_ = std::move(mark.hasher);
  return {};
}

Result<void> Upload::commit(const Digest& digest) {
  if (hasher_.algorithm() != digest.algorithm()) {
    auto hashed = hash_of(*draft_, digest.algorithm());
    if (!hashed.ok()) return std::move(hashed).error();
    hasher_ = std::move(hashed).value();
  }
  const Digest actual = hasher_.digest();
  if (actual != digest) {
    if (auto discarded = draft_->discard(); !discarded.ok()) return discarded;
    return Error{ErrorCode::DigestMismatch, "the upload has " + actual.str() + ", not " + digest.str()};
  }
  if (auto published = draft_->publish(Layout::blob_data(digest)); !published.ok()) return published;
  // The blob before its link, the link before the upload goes: a crash in between leaves garbage, nothing dangling.
  if (auto linked = store_->write_link(Layout::layer_link(repository_, digest), digest); !linked.ok()) return linked;
  return draft_->discard();
}

Result<void> Upload::cancel() { return draft_->discard(); }

Result<void> Upload::park() {
  if (auto settled = draft_->settle(); !settled.ok()) return settled;
  const std::string folder = Layout::upload(repository_, id_).path();
  ParkedUploads::State state{draft_->token(), draft_->size(), std::move(hasher_)};
  draft_.reset();
  store_->parked().put(folder, std::move(state));
  return {};
}

}  // namespace caisson::registry::store
