// One receiver of events: what it wants to know, the queue of what it is still to be told, and a thread of its own that
// tells it, in order, by POST, until it answers 2xx or 3xx. After `threshold` failures in a row each further attempt
// waits for `backoff`.
//
// Ownership: owns its thread, whose end the destructor waits for: at once, also in the middle of a transfer. Threading:
// publish() and the numbers from any thread; publish() never waits for a delivery.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "observe/error_log.h"
#include "observe/metrics.h"
#include "registry/notify/disk_queue.h"
#include "registry/notify/event.h"
#include "registry/notify/secret_files.h"

namespace caisson::registry::notify {

struct EndpointSettings {
  std::string name;
  std::string url;  // may hold a secret: not for logs
  std::chrono::milliseconds timeout{1000};
  unsigned threshold = 10;
  std::chrono::milliseconds backoff{1000};
  std::vector<std::string> headers;           // "Name: value"
  std::shared_ptr<SharedSecret> credentials;  // "user:password"; null: none
  std::vector<std::string> ignored_media_types;
  std::vector<std::string> ignored_actions;
  std::uint64_t queue_bytes = std::uint64_t{64} << 20;

  bool wants(const Event& event) const;
};

class Endpoint {
 public:
  // `folder` is where its queue is kept, for this endpoint alone; "": in memory.
  Endpoint(EndpointSettings settings, const std::string& folder, observe::ErrorLog log);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const EndpointSettings& settings() const noexcept { return settings_; }
  // What happened is kept when this returns, or counted as dropped.
  void publish(std::string_view event);

  struct Numbers {
    std::uint64_t events = 0;
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;  // a status that is none of success
    std::uint64_t errors = 0;    // no answer at all
    std::uint64_t dropped = 0;
    std::uint64_t pending = 0;
    std::map<long, std::uint64_t> statuses;
  };
  Numbers numbers() const;

 private:
  void run(const std::stop_token& stop);
  // Delivers what the queue holds.
  void empty(Queue& queue, class Courier& courier, const std::stop_token& stop);
  void inherit();
  bool attempt(const std::string& event, class Courier& courier, const std::stop_token& stop);
  void wait(std::chrono::milliseconds at_most, const std::stop_token& stop);
  void note_outcome(bool delivered, const std::string& problem);

  const EndpointSettings settings_;
  const std::string folder_;
  const observe::ErrorLog log_;
  std::unique_ptr<Queue> queue_;
  std::atomic<std::uint64_t> events_ = 0;
  std::atomic<std::uint64_t> inherited_pending_ = 0;
  unsigned failed_in_a_row_ = 0;  // the thread's

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  bool told_ = false;  // there is something new in the queue
  Numbers numbers_;
  std::vector<std::unique_ptr<DiskQueue>> inherited_;  // the thread's
  std::jthread thread_;
};

}  // namespace caisson::registry::notify
