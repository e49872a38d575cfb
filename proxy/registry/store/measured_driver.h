// A driver that measures how long another one's calls take, under the names that registry:2 has for such actions.
//
// Ownership: owns the driver below it; refers to the times, which outlive it. Threading, errors: as store::Driver says.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "observe/metrics.h"
#include "registry/store/driver.h"

namespace caisson::registry::store {

class ActionTimes {
 public:
  enum class Action : std::uint8_t { Delete, GetContent, List, Move, PutContent, Reader, Stat, Writer };

  ActionTimes();
  observe::Histogram& operator[](Action action) noexcept { return times_[static_cast<std::size_t>(action)]; }
  template <class Take>
  void each(Take take) const {
    for (std::size_t i = 0; i < names.size(); ++i) take(names[i], times_[i]);
  }

 private:
  static constexpr std::array<std::string_view, 8> names = {"Delete",     "GetContent", "List", "Move",
                                                            "PutContent", "Reader",     "Stat", "Writer"};
  std::array<observe::Histogram, names.size()> times_;
};

// The same driver, measured.
std::unique_ptr<Driver> measured(std::unique_ptr<Driver> driver, ActionTimes& times);

}  // namespace caisson::registry::store
