// How fast requests come, by key: nginx's leaky bucket. Each key has an excess, in thousandths of a request, that every
// request raises by one and that time lowers at the zone's rate. ngx_http_limit_req_module.c
//
// A zone holds as many keys as nginx's would in as much memory; when it is full, the key that was not asked for the
// longest makes room.
//
// Ownership: one for all loops; the memory may be shared with the processes before and after this one. Threading: any
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/shared_memory.h"
#include "limits/shared_table.h"

namespace caisson::limits {

class RequestZone {
 public:
  // Since any fixed moment.
  using Moment = std::chrono::milliseconds;

  // How much memory a zone of so many bytes takes.
  static std::size_t memory_for(std::size_t bytes);

  // `rate` in thousandths of a request a second; `bytes` of memory, for as many keys as nginx would keep in it.
  RequestZone(std::uint64_t rate, std::size_t bytes, std::shared_ptr<SharedMemory> memory);
  // For this process alone.
  RequestZone(std::uint64_t rate, std::size_t bytes)
      : RequestZone(rate, bytes, SharedMemory::alone(memory_for(bytes))) {}

  struct State {
    std::int64_t excess;
    std::int64_t last;       // milliseconds
    std::int64_t pinned_at;  // the last time
    std::uint32_t pins;      // how many wait for other zones to agree
  };
  struct Nothing {};
  using Table = SharedTable<State, Nothing>;
  using Key = Table::Entry;
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
  struct Found {
    Key* key = nullptr;
    Look look;
  };
  std::int64_t leaked(std::int64_t milliseconds) const noexcept;
  Found find(const KeyDigest& key, std::int64_t burst, Moment now);
  Key* add(const KeyDigest& key, std::size_t length, Moment now);
  void expire(Moment now, bool by_force);

  const std::int64_t rate_;
  Table table_;
};

// What an entry of nginx's slab allocator takes for so many bytes.
std::size_t slab_size(std::size_t bytes) noexcept;

}  // namespace caisson::limits
