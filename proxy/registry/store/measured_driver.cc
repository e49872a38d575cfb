#include "registry/store/measured_driver.h"

#include <chrono>

namespace caisson::registry::store {
namespace {

using Action = ActionTimes::Action;

constexpr std::array duration_bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};

// From its making to the end of its scope.
class Watch {
 public:
  Watch(ActionTimes& times, Action action) : into_(times[action]) {}
  ~Watch() {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
    into_.observe(passed.count());
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  observe::Histogram& into_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

class MeasuredDraft final : public Draft {
 public:
  MeasuredDraft(std::unique_ptr<Draft> draft, ActionTimes& times) : draft_(std::move(draft)), times_(times) {}

  std::uint64_t size() const noexcept override { return draft_->size(); }
  const DraftToken& token() const noexcept override { return draft_->token(); }
  const DraftToken& previous_token() const noexcept override { return draft_->previous_token(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const override {
    return draft_->read(offset, into);
  }
  Result<void> append(std::span<const std::byte> bytes) override { return draft_->append(bytes); }
  Result<void> settle() override { return draft_->settle(); }
  Result<void> truncate(std::uint64_t size) override { return draft_->truncate(size); }
  Result<void> publish(const Key& key) override {
    const Watch watch(times_, Action::Move);
    return draft_->publish(key);
  }
  Result<void> discard() override {
    const Watch watch(times_, Action::Delete);
    return draft_->discard();
  }

 private:
  const std::unique_ptr<Draft> draft_;
  ActionTimes& times_;
};

class MeasuredDriver final : public Driver {
 public:
  MeasuredDriver(std::unique_ptr<Driver> driver, ActionTimes& times) : driver_(std::move(driver)), times_(times) {}

  Result<std::string> get(const Key& key, std::size_t limit) const override {
    const Watch watch(times_, Action::GetContent);
    return driver_->get(key, limit);
  }
  Result<void> put(const Key& key, std::string_view bytes) override {
    const Watch watch(times_, Action::PutContent);
    return driver_->put(key, bytes);
  }
  Result<bool> remove_if(const Key& key, std::string_view bytes) override {
    const Watch watch(times_, Action::Delete);
    return driver_->remove_if(key, bytes);
  }
  Result<void> remove(std::span<const Key> folders) override {
    const Watch watch(times_, Action::Delete);
    return driver_->remove(folders);
  }
  Result<Names> folders(const Key& folder) const override {
    const Watch watch(times_, Action::List);
    return driver_->folders(folder);
  }
  Result<Rights> rights(const Key& key) const override {
    const Watch watch(times_, Action::Stat);
    return driver_->rights(key);
  }
  Result<std::uint64_t> size(const Key& key) const override {
    const Watch watch(times_, Action::Stat);
    return driver_->size(key);
  }
  Result<std::unique_ptr<Content>> open(const Key& key) const override {
    const Watch watch(times_, Action::Reader);
    return driver_->open(key);
  }
  Result<void> renew_lease(const Key& key, std::chrono::milliseconds age) override {
    const Watch watch(times_, Action::Stat);
    return driver_->renew_lease(key, age);
  }
  Result<Time> changed(const Key& key) const override {
    const Watch watch(times_, Action::Stat);
    return driver_->changed(key);
  }
  Result<void> move(const Key& from, const Key& to) override {
    const Watch watch(times_, Action::Move);
    return driver_->move(from, to);
  }
  Result<void> settle(std::span<const Key> places) override { return driver_->settle(places); }
  // How long a lock is waited for says nothing about the storage.
  Result<std::unique_ptr<Hold>> hold(const Key& lock, Sharing sharing) override { return driver_->hold(lock, sharing); }
  Result<std::unique_ptr<Hold>> try_hold(const Key& lock) override { return driver_->try_hold(lock); }
  Result<std::unique_ptr<Draft>> create_draft(const Key& folder) override {
    const Watch watch(times_, Action::Writer);
    return wrapped(driver_->create_draft(folder));
  }
  Result<std::unique_ptr<Draft>> open_draft(const Key& folder) override {
    const Watch watch(times_, Action::Writer);
    return wrapped(driver_->open_draft(folder));
  }
  Result<DraftStatus> draft_status(const Key& folder) const override {
    const Watch watch(times_, Action::Stat);
    return driver_->draft_status(folder);
  }
  Result<bool> discard_idle_draft(const Key& folder) override {
    const Watch watch(times_, Action::Delete);
    return driver_->discard_idle_draft(folder);
  }

 private:
  Result<std::unique_ptr<Draft>> wrapped(Result<std::unique_ptr<Draft>> draft) const {
    if (!draft.ok()) return draft;
    return std::unique_ptr<Draft>(std::make_unique<MeasuredDraft>(std::move(draft).value(), times_));
  }

  const std::unique_ptr<Driver> driver_;
  ActionTimes& times_;
};

template <std::size_t... I>
std::array<observe::Histogram, sizeof...(I)> histograms(std::index_sequence<I...>) {
  return {((void)I, observe::Histogram(duration_bounds))...};
}

}  // namespace

ActionTimes::ActionTimes() : times_(histograms(std::make_index_sequence<names.size()>())) {}

std::unique_ptr<Driver> measured(std::unique_ptr<Driver> driver, ActionTimes& times) {
  return std::make_unique<MeasuredDriver>(std::move(driver), times);
}

}  // namespace caisson::registry::store
