// A table in memory that several processes share: fixed places, found by the digest of a key, and in the order in which
// they were used last. Who dies in the middle of a change leaves a table that nobody can trust: the next one empties
// it.
//
// The memory holds numbers of places and no pointers, since every process has it elsewhere.
//
// Ownership: shares the memory. Threading: any thread of any process that maps the memory, under lock().
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/shared_memory.h"

namespace caisson::limits {

using KeyDigest = std::array<std::uint64_t, 2>;
KeyDigest digest_of(std::string_view key) noexcept;

// Value and Common (what there is once a table): trivial, and all zero when new.
template <class Value, class Common>
class SharedTable {
 public:
  struct Entry {
    Value value;
    KeyDigest key;
    std::uint32_t cost;  // bytes of the zone's room; 0: the place is free
    std::uint32_t next;  // in its bucket, or among the free ones
    std::uint32_t newer;
    std::uint32_t older;
  };

  // The memory for a zone with `room` bytes, of which an entry costs `least` or more.
  static std::size_t memory_for(std::size_t room, std::size_t least) {
    return sizeof(Header) + places_for(room, least) * (sizeof(Entry) + sizeof(std::uint32_t));
  }

  SharedTable(std::shared_ptr<SharedMemory> memory, std::size_t room, std::size_t least)
      : memory_(std::move(memory)),
        room_(room),
        places_(static_cast<std::uint32_t>(places_for(room, least))),
        header_(*reinterpret_cast<Header*>(memory_->data())),
        entries_(reinterpret_cast<Entry*>(memory_->data() + sizeof(Header))),
        buckets_(reinterpret_cast<std::uint32_t*>(memory_->data() + sizeof(Header) + places_ * sizeof(Entry))) {
    // The first process that has it makes it ready. Its master starts the second one only when the first has said that
    // it serves, or is dead.
    if (header_.ready.load(std::memory_order_acquire) == made) return;
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&header_.mutex, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
    clear();
    header_.ready.store(made, std::memory_order_release);
  }

  class Lock {
   public:
    explicit Lock(SharedTable& table) : table_(table) {
      if (::pthread_mutex_lock(&table.header_.mutex) != EOWNERDEAD) return;
      table.clear();
      ::pthread_mutex_consistent(&table.header_.mutex);
    }
    ~Lock() { ::pthread_mutex_unlock(&table_.header_.mutex); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    SharedTable& table_;
  };

  // Under a Lock:

  Common& common() noexcept { return header_.common; }
  std::size_t size() const noexcept { return header_.size; }

  // Null: it is not there.
  Entry* find(const KeyDigest& key) noexcept {
    for (std::uint32_t at = bucket_of(key); at != 0; at = entry(at).next) {
      if (entry(at).key == key) return &entry(at);
    }
    return nullptr;
  }
  // The newest from now on. Null: there is no room. REQUIRES: it is not there.
  Entry* add(const KeyDigest& key, std::size_t cost) noexcept {
    std::uint32_t at = header_.free;
    if (header_.room < cost || (at == 0 && header_.used == places_)) return nullptr;
    if (at != 0) {
      header_.free = entry(at).next;
    } else {
      at = ++header_.used;
    }
    Entry& made_entry = entry(at);
    made_entry = {};
    made_entry.key = key;
    made_entry.cost = static_cast<std::uint32_t>(cost);
    made_entry.next = bucket_of(key);
    bucket_of(key) = at;
    header_.room -= cost;
    ++header_.size;
    put_first(at);
    return &made_entry;
  }
  void remove(Entry& gone) noexcept {
    const std::uint32_t at = number_of(gone);
    std::uint32_t* link = &bucket_of(gone.key);
    while (*link != at) link = &entry(*link).next;
    *link = gone.next;
    take_out(gone);
    header_.room += gone.cost;
    --header_.size;
    gone.cost = 0;
    gone.next = header_.free;
    header_.free = at;
  }
  // The newest from now on.
  void touch(Entry& used) noexcept {
    take_out(used);
    put_first(number_of(used));
  }
  Entry* oldest() noexcept { return header_.oldest == 0 ? nullptr : &entry(header_.oldest); }
  // Calls for all entries; the function may remove the one it gets.
  template <class Function>
  void for_each(const Function& function) {
    for (std::uint32_t at = 1; at <= header_.used; ++at) {
      if (entry(at).cost != 0) function(entry(at));
    }
  }

 private:
  static constexpr std::uint64_t made = 1;
  struct Header {
    std::atomic<std::uint64_t> ready;
    pthread_mutex_t mutex;
    std::uint64_t room;
    std::uint32_t size;
    std::uint32_t used;  // places that were ever taken; those behind them were never touched
    std::uint32_t free;
    std::uint32_t newest;
    std::uint32_t oldest;
    Common common;
  };

  static std::size_t places_for(std::size_t room, std::size_t least) {
    constexpr std::size_t most = 0xffffffff;
    return room / least < most ? room / least : most;
  }

  // All entries go; what is common stays.
  void clear() noexcept {
    for (std::uint32_t i = 0; i < places_; ++i) {
      if (buckets_[i] != 0) buckets_[i] = 0;  // reading touches no memory that was never written
    }
    header_.room = room_;
    header_.size = header_.used = header_.free = header_.newest = header_.oldest = 0;
  }

  Entry& entry(std::uint32_t at) noexcept { return entries_[at - 1]; }
  std::uint32_t number_of(const Entry& one) const noexcept { return static_cast<std::uint32_t>(&one - entries_) + 1; }
  std::uint32_t& bucket_of(const KeyDigest& key) noexcept { return buckets_[key[0] % places_]; }

  void put_first(std::uint32_t at) noexcept {
    entry(at).older = header_.newest;
    entry(at).newer = 0;
    if (header_.newest != 0) entry(header_.newest).newer = at;
    header_.newest = at;
    if (header_.oldest == 0) header_.oldest = at;
  }
  void take_out(Entry& one) noexcept {
    (one.newer != 0 ? entry(one.newer).older : header_.newest) = one.older;
    (one.older != 0 ? entry(one.older).newer : header_.oldest) = one.newer;
  }

  const std::shared_ptr<SharedMemory> memory_;
  const std::size_t room_;
  const std::uint32_t places_;
  Header& header_;
  Entry* const entries_;
  std::uint32_t* const buckets_;
};

}  // namespace caisson::limits
