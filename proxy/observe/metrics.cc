#include "observe/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

namespace caisson::observe {

void Histogram::observe(double value) noexcept {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<std::size_t>(bound - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::up_to(std::size_t i) const noexcept {
  std::uint64_t total = 0;
  for (std::size_t j = 0; j <= std::min(i, bounds_.size()); ++j) total += counts_[j].load(std::memory_order_relaxed);
  return total;
}

std::string number_text(double value) {
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  if (std::isnan(value)) return "NaN";
  std::array<char, 64> buffer{};
  const auto shortest = [&](std::chars_format format) {
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
    return std::string(buffer.data(), end);
  };
  // strconv.FormatFloat(f, 'g', -1, 64)
  std::string scientific = shortest(std::chars_format::scientific);
  int exponent = 0;
  const std::size_t e = scientific.find('e');
  const char* digits = scientific.data() + e + 1;
  if (*digits == '+') ++digits;
  std::from_chars(digits, scientific.data() + scientific.size(), exponent);
  return exponent < -4 || exponent >= 6 ? scientific : shortest(std::chars_format::fixed);
}

namespace {

void append_labels(std::string& text, const Labels& labels, std::string_view le = {}) {
  if (labels.empty() && le.empty()) return;
  text += '{';
  const auto add = [&](std::string_view name, std::string_view value) {
    if (text.back() != '{') text += ',';
    text += name;
    text += "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      if (c == '\n') {
        text += "\\n";
      } else {
        text += c;
      }
    }
    text += '"';
  };
  for (const auto& [name, value] : labels) add(name, value);
  if (!le.empty()) add("le", le);
  text += '}';
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  const auto known =
      std::find_if(families_.begin(), families_.end(), [&](const Family& one) { return one.name == name; });
  current_ = static_cast<std::size_t>(known - families_.begin());
  if (known != families_.end()) return;
  std::string& text = families_.emplace_back(Family{std::string(name), {}}).text;
  for (const auto& [word, rest] : {std::pair(std::string_view("# HELP "), help), {"# TYPE ", type}}) {
    text += word;
    text += name;
    text += ' ';
    text += rest;
    text += '\n';
  }
}

void Exposition::sample(std::string_view name, const Labels& labels, double value) {
  std::string& text = families_[current_].text;
  text += name;
  append_labels(text, labels);
  text += ' ' + number_text(value) + '\n';
}

void Exposition::histogram(std::string_view name, const Labels& labels, const Histogram& values) {
  const std::string bucket = std::string(name) + "_bucket";
  std::string& text = families_[current_].text;
  const auto bounds = values.bounds();
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    text += bucket;
    append_labels(text, labels, i < bounds.size() ? number_text(bounds[i]) : "+Inf");
    text += ' ' + number_text(static_cast<double>(values.up_to(i))) + '\n';
  }
  sample(std::string(name) + "_sum", labels, values.sum());
  sample(std::string(name) + "_count", labels, static_cast<double>(values.up_to(bounds.size())));
}

std::string Exposition::text() const {
  std::string all;
  for (const Family& family : families_) all += family.text;
  return all;
}

std::string Metrics::write() const {
  Exposition to;
  for (const Source& source : sources_) source(to);
  return to.text();
}

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// proc(5): what follows the name in /proc/self/stat, from the third field on.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> fields;
  for (std::size_t at = text.rfind(')') + 2; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    fields.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double value = 0;
    if (word == "btime" && file >> value) return value;
  }
  return 0;
}

std::size_t open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
  std::size_t count = 0;
  while (folder && ::readdir(folder.get()) != nullptr) ++count;
  return count > 3 ? count - 3 : 0;  // ".", ".." and the folder itself
}

}  // namespace

void write_process_metrics(Exposition& to) {
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    to.family(name, "gauge", help);
    to.sample(name, {}, value);
  };
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  to.family("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.");
  to.sample("process_cpu_seconds_total", {}, seconds(used.ru_utime) + seconds(used.ru_stime));
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  gauge("process_max_fds", "Maximum number of open file descriptors.", static_cast<double>(limit.rlim_cur));
  gauge("process_open_fds", "Number of open file descriptors.", static_cast<double>(open_descriptors()));
  const std::vector<std::string> fields = stat_fields();
  if (fields.size() < 22) return;
  const auto field = [&](std::size_t number) { return std::strtod(fields[number - 3].c_str(), nullptr); };
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
        field(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", field(23));
  gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
        boot_time() + field(22) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

}  // namespace caisson::observe
