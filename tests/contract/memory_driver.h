// A store::Driver in memory: what the contract says, with nothing of a file system in it. Several drivers over one
// Memory are like several processes over one storage.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/text.h"
#include "registry/store/driver.h"

namespace caisson::registry::store {

// What drivers share. Paths are as Key has them.
struct Memory {
  struct DraftState {
    std::string bytes;
    DraftToken token{};
    std::chrono::system_clock::time_point began = std::chrono::system_clock::now();
    int open = 0;
  };
  struct Lock {
    int shared = 0;
    bool alone = false;
    bool was_shared = false;
  };
  std::mutex mutex;
  std::condition_variable freed;
  std::map<std::string, std::shared_ptr<const std::string>> objects;
  std::map<std::string, DraftState> drafts;
  std::map<std::string, Lock> locks;
  unsigned char openings = 0;
};

inline Error not_found(const Key& key) { return {ErrorCode::NotFound, '"' + key.path() + "\" is not there"}; }

inline std::size_t copy_part(std::string_view from, std::uint64_t offset, std::span<std::byte> into) {
  if (offset >= from.size()) return 0;
  const auto part = text::bytes_of(from.substr(offset, into.size()));
  std::copy(part.begin(), part.end(), into.begin());
  return part.size();
}

class MemoryContent final : public Content {
 public:
  explicit MemoryContent(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const noexcept override { return bytes_->size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    return copy_part(*bytes_, offset, into);
  }
  std::optional<std::size_t> read_cached(std::uint64_t offset, std::span<std::byte> into) const noexcept override {
    return copy_part(*bytes_, offset, into);
  }

 private:
  const std::shared_ptr<const std::string> bytes_;
};

class MemoryDraft final : public Draft {
 public:
  // REQUIRES: the draft is there, and the memory's mutex is held.
  MemoryDraft(Memory& memory, std::string folder) : memory_(memory), folder_(std::move(folder)) {
    Memory::DraftState& state = memory_.drafts.at(folder_);
    previous_token_ = state.token;
    token_.fill(std::byte{++memory_.openings});
    state.token = token_;
    ++state.open;
    size_ = state.bytes.size();
  }
  MemoryDraft(const MemoryDraft&) = delete;
  MemoryDraft& operator=(const MemoryDraft&) = delete;
  ~MemoryDraft() override {
    const std::lock_guard lock(memory_.mutex);
    if (const auto found = memory_.drafts.find(folder_); found != memory_.drafts.end()) --found->second.open;
  }

  std::uint64_t size() const noexcept override { return size_; }
  const DraftToken& token() const noexcept override { return token_; }
  const DraftToken& previous_token() const noexcept override { return previous_token_; }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    const std::lock_guard lock(memory_.mutex);
    const auto found = memory_.drafts.find(folder_);
    return found != memory_.drafts.end() ? copy_part(found->second.bytes, offset, into) : 0;
  }
  Result<void> append(std::span<const std::byte> bytes) override {
    return change([&](Memory::DraftState& state) { state.bytes += text::view_of(bytes); });
  }
  Result<void> settle() override {
    return change([](Memory::DraftState&) {});
  }
  Result<void> truncate(std::uint64_t size) override {
    return change([&](Memory::DraftState& state) { state.bytes.resize(size); });
  }
  Result<void> publish(const Key& key) override {
    return change([&](Memory::DraftState& state) {
      published_ = true;
      memory_.objects[key.path()] = std::make_shared<const std::string>(std::move(state.bytes));
      memory_.drafts.erase(folder_);
    });
  }
  Result<void> discard() override {
    if (published_) return {};
    return change([&](Memory::DraftState&) { memory_.drafts.erase(folder_); });
  }

 private:
  template <class Change>
  Result<void> change(Change change) {
    const std::lock_guard lock(memory_.mutex);
    const auto found = memory_.drafts.find(folder_);
    if (found == memory_.drafts.end()) return Error{ErrorCode::NotFound, "the draft is gone"};
    if (found->second.token != token_) return Error{ErrorCode::Conflict, "a newer opening has the draft"};
    change(found->second);
    if (const auto left = memory_.drafts.find(folder_); left != memory_.drafts.end()) size_ = left->second.bytes.size();
    return {};
  }

  Memory& memory_;
  const std::string folder_;
  DraftToken token_{};
  DraftToken previous_token_{};
  std::uint64_t size_ = 0;
  bool published_ = false;
};

class MemoryHold final : public Hold {
 public:
  MemoryHold(Memory& memory, std::string path, Sharing sharing)
      : memory_(memory), path_(std::move(path)), sharing_(sharing) {}
  MemoryHold(const MemoryHold&) = delete;
  MemoryHold& operator=(const MemoryHold&) = delete;
  ~MemoryHold() override {
    {
      const std::lock_guard lock(memory_.mutex);
      Memory::Lock& held = memory_.locks.at(path_);
      if (sharing_ == Sharing::Alone) held.alone = false;
      if (sharing_ == Sharing::Shared) --held.shared;
    }
    memory_.freed.notify_all();
  }

 private:
  Memory& memory_;
  const std::string path_;
  const Sharing sharing_;
};

class MemoryDriver final : public Driver {
 public:
  explicit MemoryDriver(std::shared_ptr<Memory> memory) : memory_(std::move(memory)) {}

  Result<std::string> get(const Key& key, std::size_t limit) const override {
    const std::lock_guard lock(memory_->mutex);
    const auto found = memory_->objects.find(key.path());
    if (found == memory_->objects.end()) return not_found(key);
    if (found->second->size() > limit) return Error{ErrorCode::TooLarge, "larger than it may be"};
    return *found->second;
  }
  Result<void> put(const Key& key, std::string_view bytes) override {
    const std::lock_guard lock(memory_->mutex);
    memory_->objects[key.path()] = std::make_shared<const std::string>(bytes);
    return {};
  }
  Result<bool> remove_if(const Key& key, std::string_view bytes) override {
    const std::lock_guard lock(memory_->mutex);
    const auto found = memory_->objects.find(key.path());
    if (found == memory_->objects.end() || *found->second != bytes) return false;
    memory_->objects.erase(found);
    return true;
  }
  Result<void> remove(std::span<const Key> folders) override {
    const std::lock_guard lock(memory_->mutex);
    for (const Key& folder : folders) {
      std::erase_if(memory_->objects,
                    [&](const auto& object) { return object.first.starts_with(folder.path() + '/'); });
    }
    return {};
  }
  Result<Names> folders(const Key& folder) const override {
    const std::string prefix = folder.path() + '/';
    std::vector<std::string> names;
    bool found = false;
    const auto look_at = [&](const std::string& path) {
      if (!path.starts_with(prefix)) return;
      found = true;
      const std::size_t slash = path.find('/', prefix.size());
      if (slash != std::string::npos) names.push_back(path.substr(prefix.size(), slash - prefix.size()));
    };
    const std::lock_guard lock(memory_->mutex);
    for (const auto& [path, bytes] : memory_->objects) look_at(path);
    for (const auto& [path, draft] : memory_->drafts) look_at(path + "/data");
    if (!found) return not_found(folder);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return std::make_shared<const std::vector<std::string>>(std::move(names));
  }

  Result<Rights> rights(const Key& key) const override {
    const std::lock_guard lock(memory_->mutex);
    const bool there = std::any_of(memory_->objects.begin(), memory_->objects.end(), [&](const auto& object) {
      return object.first == key.path() || object.first.starts_with(key.path() + '/');
    });
    if (!there) return not_found(key);
    return Rights{true, true};
  }
  Result<std::uint64_t> size(const Key& key) const override {
    auto content = open(key);
    if (!content.ok()) return std::move(content).error();
    return content.value()->size();
  }
  Result<std::unique_ptr<Content>> open(const Key& key) const override {
    const std::lock_guard lock(memory_->mutex);
    const auto found = memory_->objects.find(key.path());
    if (found == memory_->objects.end()) return not_found(key);
    return std::unique_ptr<Content>(std::make_unique<MemoryContent>(found->second));
  }
  Result<void> renew_lease(const Key& key, std::chrono::milliseconds) override {
    auto there = size(key);  // nothing is ever collected here
    return there.ok() ? Result<void>() : std::move(there).error();
  }
  Result<Time> changed(const Key& key) const override {
    auto there = size(key);
    if (!there.ok()) return std::move(there).error();
    return Time::clock::now();
  }

  Result<void> move(const Key& from, const Key& to) override {
    const std::lock_guard lock(memory_->mutex);
    const std::string below = to.path() + '/';
    for (const auto& [path, bytes] : memory_->objects) {
      if (path.starts_with(below)) return Error{ErrorCode::Conflict, "something is there"};
    }
    bool found = false;
    for (auto at = memory_->objects.begin(); at != memory_->objects.end();) {
      if (at->first != from.path() && !at->first.starts_with(from.path() + '/')) {
        ++at;
        continue;
      }
      found = true;
      memory_->objects[to.path() + at->first.substr(from.path().size())] = at->second;
      at = memory_->objects.erase(at);
    }
    return found ? Result<void>() : not_found(from);
  }
  Result<void> settle(std::span<const Key>) override { return {}; }

  Result<std::unique_ptr<Hold>> hold(const Key& key, Sharing sharing) override {
    std::unique_lock lock(memory_->mutex);
    Memory::Lock& held = memory_->locks[key.path()];
    if (sharing == Sharing::Alone && !held.was_shared) return not_found(key);
    memory_->freed.wait(lock, [&] { return !held.alone && (sharing == Sharing::Shared || held.shared == 0); });
    if (sharing == Sharing::Alone) held.alone = true;
    if (sharing == Sharing::Shared) {
      ++held.shared;
      held.was_shared = true;
    }
    return std::unique_ptr<Hold>(std::make_unique<MemoryHold>(*memory_, key.path(), sharing));
  }

  Result<std::unique_ptr<Hold>> try_hold(const Key& key) override {
    const std::lock_guard lock(memory_->mutex);
    Memory::Lock& held = memory_->locks[key.path()];
    if (held.alone || held.shared > 0) return Error{ErrorCode::Conflict, "somebody has it"};
    held.alone = true;
    return std::unique_ptr<Hold>(std::make_unique<MemoryHold>(*memory_, key.path(), Sharing::Alone));
  }

  Result<std::unique_ptr<Draft>> create_draft(const Key& folder) override {
    const std::lock_guard lock(memory_->mutex);
    memory_->drafts[folder.path()];
    return std::unique_ptr<Draft>(std::make_unique<MemoryDraft>(*memory_, folder.path()));
  }
  Result<std::unique_ptr<Draft>> open_draft(const Key& folder) override {
    const std::lock_guard lock(memory_->mutex);
    if (!memory_->drafts.contains(folder.path())) return not_found(folder);
    return std::unique_ptr<Draft>(std::make_unique<MemoryDraft>(*memory_, folder.path()));
  }
  Result<DraftStatus> draft_status(const Key& folder) const override {
    const std::lock_guard lock(memory_->mutex);
    const auto found = memory_->drafts.find(folder.path());
    if (found == memory_->drafts.end()) return not_found(folder);
    return DraftStatus{found->second.began, found->second.bytes.size()};
  }
  Result<bool> discard_idle_draft(const Key& folder) override {
    const std::lock_guard lock(memory_->mutex);
    const auto found = memory_->drafts.find(folder.path());
    if (found != memory_->drafts.end() && found->second.open > 0) return false;
    if (found != memory_->drafts.end()) memory_->drafts.erase(found);
    return true;
  }

 private:
  const std::shared_ptr<Memory> memory_;
};

}  // namespace caisson::registry::store
