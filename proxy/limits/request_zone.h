// How fast requests come, by key: nginx's leaky bucket. Each key has an excess, in thousandths of a request, that every
// request raises by one and that time lowers at the zone's rate. ngx_http_limit_req_module.c
//
// A zone holds as many keys as nginx's would in as much memory; when it is full, the key that was not asked for the
// longest makes room.
//
// Ownership: one for all loops. Threading: any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace caisson::limits {

class RequestZone {
 public:
  // Since any fixed moment.
  using Moment = std::chrono::milliseconds;

  // `rate` in thousandths of a request a second; `bytes` of memory.
  RequestZone(std::uint64_t rate, std::size_t bytes) : rate_(static_cast<std::int64_t>(rate)), room_(bytes) {}

  struct Key {
    std::string text;
    std::int64_t excess = 0;
    Moment last{};
    unsigned pins = 0;  // how many wait for other zones to agree
  };
  enum class Outcome { Fits, Over, NoRoom };
  struct Look {
    Outcome outcome = Outcome::Fits;
    std::int64_t excess = 0;
    Key* pinned = nullptr;  // of look(), when it fits; last call: settle() or release()
  };
  // Whether one more request of the key fits; when it does, it is counted.
  Look count(std::string_view key, std::int64_t burst, Moment now);
  // The same without counting yet, because another zone has to agree.
  Look look(std::string_view key, std::int64_t burst, Moment now);
  // Counts it now; the excess after it.
  std::int64_t settle(Key& pinned, Moment now);
  void release(Key& pinned);

  // How long a request waits that goes `excess` beyond what may pass at once.
  Moment time_for(std::int64_t excess) const noexcept { return Moment(excess * 1000 / rate_); }
  std::size_t keys();

 private:
  using Keys = std::list<Key>;
  struct Found {
    Key* key = nullptr;
    Look look;
  };
  std::int64_t leaked(std::int64_t milliseconds) const noexcept;
  Found find(std::string_view key, std::int64_t burst, Moment now);
  Key* add(std::string_view key, Moment now);
  void expire(Moment now, bool by_force);
  void remove_oldest();

  const std::int64_t rate_;
  std::mutex mutex_;
  std::size_t room_;  // bytes left
  Keys keys_;         // the one that was asked for last stands first
  std::unordered_map<std::string_view, Keys::iterator> by_text_;
};

// What an entry of nginx's slab allocator takes for so many bytes.
std::size_t slab_size(std::size_t bytes) noexcept;

}  // namespace caisson::limits
