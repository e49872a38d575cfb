// Numbers about the running process, and their text for Prometheus (exposition format 0.0.4).
//
// Ownership: whoever counts owns its counters and adds a source that writes them; both live as long as the Metrics.
// Threading: counters are atomic, from any thread. add() while the configuration is loaded; write() from any thread
// afterwards.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace caisson::observe {

class Histogram {
 public:
  static constexpr std::size_t most_bounds = 24;

  // Rising upper bounds, which outlive it.
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds) {}

  void observe(double value) noexcept;

  std::span<const double> bounds() const noexcept { return bounds_; }
  // How many were at most bounds()[i]; behind the last bound: all.
  std::uint64_t up_to(std::size_t i) const noexcept;
  double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  std::span<const double> bounds_;
  std::array<std::atomic<std::uint64_t>, most_bounds + 1> counts_{};  // of each range, the last without a bound
  std::atomic<double> sum_{0};
};

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

// Families in the order in which they first come. What several sources say of one stands in one place, as Prometheus
// wants it.
class Exposition {
 public:
  // The samples that follow are its.
  void family(std::string_view name, std::string_view type, std::string_view help);
  // REQUIRES: a family.
  void sample(std::string_view name, const Labels& labels, double value);
  // NAME_bucket, NAME_sum and NAME_count.
  void histogram(std::string_view name, const Labels& labels, const Histogram& values);

  std::string text() const;

 private:
  struct Family {
    std::string name;
    std::string text;
  };
  std::vector<Family> families_;
  std::size_t current_ = 0;
};

// As Go writes a number, so that "le" labels are those that dashboards have always seen: 0.005, 524288, 1.048576e+06.
std::string number_text(double value);

class Metrics {
 public:
  using Source = std::function<void(Exposition&)>;
  void add(Source source) { sources_.push_back(std::move(source)); }
  std::string write() const;

 private:
  std::vector<Source> sources_;
};

// process_*: processor time, memory, descriptors, start. A source.
void write_process_metrics(Exposition& to);

}  // namespace caisson::observe
