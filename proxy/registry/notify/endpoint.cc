#include "registry/notify/endpoint.h"

#include <algorithm>
#include <utility>

#include "registry/notify/courier.h"

namespace caisson::registry::notify {
namespace {

using observe::Level;

// How often to look for what other processes have left behind.
constexpr std::chrono::milliseconds look_for_inheritance{5000};

std::string envelope(const std::string& event) { return R"({"events":[)" + event + "]}"; }

bool holds(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

bool EndpointSettings::wants(const Event& event) const {
  return !holds(ignored_media_types, event.media_type) && !holds(ignored_actions, name_of(event.action));
}

Endpoint::Endpoint(EndpointSettings settings, const std::string& folder, observe::ErrorLog log)
    : settings_(std::move(settings)), folder_(folder), log_(std::move(log)) {
  if (!folder_.empty()) {
    auto made = DiskQueue::create(folder_, {.bytes = settings_.queue_bytes});
    if (made.ok()) {
      queue_ = std::move(made).value();
    } else {
      log_.warn("notifications to \"" + settings_.name + "\" are kept in memory: " + made.error().what);
    }
  }
  if (!queue_) queue_ = std::make_unique<MemoryQueue>(settings_.queue_bytes);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Endpoint::~Endpoint() {
  thread_.request_stop();
  thread_.join();
}

void Endpoint::publish(std::string_view event) {
  events_.fetch_add(1, std::memory_order_relaxed);
  if (!queue_->append(event)) return;
  const std::lock_guard lock(mutex_);
  told_ = true;
  wake_.notify_one();
}

void Endpoint::run(const std::stop_token& stop) {
  Courier courier({settings_.url, settings_.timeout, settings_.headers});
  std::chrono::steady_clock::time_point look_next{};
  while (!stop.stop_requested()) {
    if (const auto now = std::chrono::steady_clock::now(); now >= look_next) {
      inherit();
      look_next = now + look_for_inheritance;
    }
    // What a process left behind is older than ours.
    for (const auto& queue : inherited_) empty(*queue, courier, stop);
    if (!stop.stop_requested()) inherited_.clear();
    inherited_pending_ = 0;
    empty(*queue_, courier, stop);
    wait(look_for_inheritance, stop);
  }
}

void Endpoint::inherit() {
  if (folder_.empty()) return;
  inherited_ = DiskQueue::inherit(folder_, {.bytes = settings_.queue_bytes});
  std::uint64_t pending = 0;
  for (const auto& queue : inherited_) pending += queue->pending();
  inherited_pending_ = pending;
  if (pending > 0) {
    log_.notice(std::to_string(pending) + " notifications to \"" + settings_.name + "\" are taken over");
  }
}

void Endpoint::empty(Queue& queue, Courier& courier, const std::stop_token& stop) {
  std::optional<Queue::Front> next = queue.front();
  while (next && !stop.stop_requested()) {
    if (attempt(next->event, courier, stop)) {
      queue.pop(next->number);
      if (&queue != queue_.get()) inherited_pending_.fetch_sub(1, std::memory_order_relaxed);
    } else if (failed_in_a_row_ >= settings_.threshold) {
      wait(settings_.backoff, stop);
    }
    next = queue.front();
  }
}

bool Endpoint::attempt(const std::string& event, Courier& courier, const std::stop_token& stop) {
  const std::string credentials = settings_.credentials ? settings_.credentials->get() : std::string();
  const Courier::Answer answer = courier.post(envelope(event), credentials, stop);
  if (stop.stop_requested() && answer.status == 0) return false;
  const bool delivered = answer.status >= 200 && answer.status < 400;
  {
    const std::lock_guard lock(mutex_);
    auto& counted = delivered ? numbers_.successes : answer.status != 0 ? numbers_.failures : numbers_.errors;
    ++counted;
    if (answer.status != 0) ++numbers_.statuses[answer.status];
  }
  note_outcome(delivered, answer.status != 0 ? "status " + std::to_string(answer.status) : answer.problem);
  return delivered;
}

// The first failure is told, when attempts become rare, and that it goes on; not every attempt.
void Endpoint::note_outcome(bool delivered, const std::string& problem) {
  const std::string to = "notifications to \"" + settings_.name + '"';
  if (delivered) {
    if (failed_in_a_row_ > 0) log_.notice(to + " are delivered again");
    failed_in_a_row_ = 0;
    return;
  }
  if (failed_in_a_row_ == settings_.threshold) return;
  if (failed_in_a_row_ == 0) log_.warn(to + " cannot be delivered: " + problem);
  if (++failed_in_a_row_ == settings_.threshold) {
    log_.warn(to + " wait: " + std::to_string(queue_->pending() + inherited_pending_) + " of them, " + problem);
  }
}

void Endpoint::wait(std::chrono::milliseconds at_most, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const bool backing_off = failed_in_a_row_ >= settings_.threshold;
  wake_.wait_for(lock, stop, at_most, [&] { return told_ && !backing_off; });
  told_ = false;
}

Endpoint::Numbers Endpoint::numbers() const {
  const std::lock_guard lock(mutex_);
  Numbers now = numbers_;
  now.events = events_.load(std::memory_order_relaxed);
  now.dropped = queue_->dropped();
  now.pending = queue_->pending() + inherited_pending_.load(std::memory_order_relaxed);
  return now;
}

}  // namespace caisson::registry::notify
