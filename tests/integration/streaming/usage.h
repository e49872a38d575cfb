// How much memory and time a process takes. In a build with a sanitizer memory is not measured: a sanitizer keeps what
// was freed.
#pragma once

#include <doctest/doctest.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

#include "integration/streaming/pattern.h"
#include "integration/support.h"

namespace integration {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t allowed_growth = UINT64_MAX;
#else
constexpr std::uint64_t allowed_growth = 32 * mib;
#endif

inline std::uint64_t peak_memory(pid_t pid) { return std::stoull(status_line(pid, "VmHWM")) * 1024; }

// `before`: its peak_memory() at some time.
inline void check_growth(pid_t pid, std::uint64_t before) {
  const std::uint64_t growth = peak_memory(pid) - before;
  MESSAGE("peak memory grew by " << growth / 1024 << " KiB");
  CHECK(growth < allowed_growth);
}

// User and system time so far.
inline std::chrono::milliseconds cpu_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  return std::chrono::milliseconds((user + system) * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

// How much of the next second the process spends. The one fixed wait here: that nothing happens has no event.
inline std::chrono::milliseconds cpu_time_of_a_second(pid_t pid) {
  const auto before = cpu_time(pid);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return cpu_time(pid) - before;
}

}  // namespace integration
