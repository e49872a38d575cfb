// Values by name, of which those that were used last are kept: what a cache in memory is made of. Each value has a
// weight; when all together weigh more than the limit, the one that waited longest goes first.
//
// Ownership: its values. Threading: none of its own; whoever shares one holds a lock.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace caisson::registry::store {

template <class Value>
class Recent {
 public:
  explicit Recent(std::size_t limit) : limit_(limit) {}

  // Null when it is not there. The pointer holds until the next call of put() or erase().
  Value* find(std::string_view name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    values_.splice(values_.end(), values_, found->second);
    return &found->second->value;
  }

  // Replaces what has that name. Not kept when it alone weighs more than the limit.
  void put(std::string_view name, Value value, std::size_t weight) {
    erase(name);
    if (weight > limit_) return;
    values_.push_back({std::string(name), std::move(value), weight});
    by_name_.emplace(values_.back().name, std::prev(values_.end()));
    weight_ += weight;
    while (weight_ > limit_) erase(values_.front().name);
  }

  void erase(std::string_view name) {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return;
    const auto entry = found->second;
    weight_ -= entry->weight;
    by_name_.erase(found);
    values_.erase(entry);
  }

 private:
  struct Entry {
    std::string name;
    Value value;
    std::size_t weight;
  };
  using Entries = std::list<Entry>;  // the one that waits longest first

  const std::size_t limit_;
  std::size_t weight_ = 0;
  Entries values_;
  std::unordered_map<std::string_view, typename Entries::iterator> by_name_;  // keys are the entries' own
};

}  // namespace caisson::registry::store
