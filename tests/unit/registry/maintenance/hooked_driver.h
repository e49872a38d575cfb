// A driver that lets somebody else act, the process end, or the disk refuse, just before something is moved.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "registry/store/driver.h"

namespace caisson::registry::store {

class HookedDriver final : public Driver {
 public:
  using Hook = std::function<Result<void>(const Key& from, const Key& to)>;
  HookedDriver(std::unique_ptr<Driver> driver, Hook before_move)
      : driver_(std::move(driver)), before_move_(std::move(before_move)) {}

  Result<void> move(const Key& from, const Key& to) override {
    auto goes_on = before_move_(from, to);
    return goes_on.ok() ? driver_->move(from, to) : goes_on;
  }

  Result<std::string> get(const Key& key, std::size_t limit) const override { return driver_->get(key, limit); }
  Result<void> put(const Key& key, std::string_view bytes) override { return driver_->put(key, bytes); }
  Result<bool> remove_if(const Key& key, std::string_view bytes) override { return driver_->remove_if(key, bytes); }
  Result<void> remove(std::span<const Key> folders) override { return driver_->remove(folders); }
  Result<Names> folders(const Key& folder) const override { return driver_->folders(folder); }
  Result<Rights> rights(const Key& key) const override { return driver_->rights(key); }
  Result<std::uint64_t> size(const Key& key) const override { return driver_->size(key); }
  Result<std::unique_ptr<Content>> open(const Key& key) const override { return driver_->open(key); }
  Result<void> renew_lease(const Key& key, std::chrono::milliseconds age) override {
    return driver_->renew_lease(key, age);
  }
  Result<Time> changed(const Key& key) const override { return driver_->changed(key); }
  Result<void> settle(std::span<const Key> places) override { return driver_->settle(places); }
  Result<std::unique_ptr<Hold>> hold(const Key& lock, Sharing sharing) override { return driver_->hold(lock, sharing); }
  Result<std::unique_ptr<Hold>> try_hold(const Key& lock) override { return driver_->try_hold(lock); }
  Result<std::unique_ptr<Draft>> create_draft(const Key& folder) override { return driver_->create_draft(folder); }
  Result<std::unique_ptr<Draft>> open_draft(const Key& folder) override { return driver_->open_draft(folder); }
  Result<DraftStatus> draft_status(const Key& folder) const override { return driver_->draft_status(folder); }
  Result<bool> discard_idle_draft(const Key& folder) override { return driver_->discard_idle_draft(folder); }

 private:
  const std::unique_ptr<Driver> driver_;
  const Hook before_move_;
};

}  // namespace caisson::registry::store
