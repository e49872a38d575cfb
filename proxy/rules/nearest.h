// Finds what was meant by a mistyped name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

namespace caisson::rules {

// Levenshtein's distance.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

// Of the names offered the one that is nearest to the one looked for, if any is near: one letter of four may differ.
// The views must outlive it.
class Nearest {
 public:
  explicit Nearest(std::string_view wanted)
      : wanted_(wanted), distance_(std::max<std::size_t>(1, wanted.size() / 4) + 1) {}

  void offer(std::string_view name) {
    const std::size_t distance = edit_distance(wanted_, name);
    if (distance >= distance_) return;
    distance_ = distance;
    name_ = name;
  }
  std::string_view name() const noexcept { return name_; }

 private:
  std::string_view wanted_;
  std::size_t distance_;
  std::string_view name_;
};

}  // namespace caisson::rules
