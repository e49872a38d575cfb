// keepalive, keepalive_timeout, keepalive_time, keepalive_requests of an upstream: how long its connections are kept.
// Threading: read-only after loading.
#pragma once

#include <chrono>
#include <cstdint>

namespace caisson::upstream {

struct KeepAlive {
  std::uint64_t idle_connections = 32;  // a loop's
  std::chrono::milliseconds timeout{60'000};
  std::chrono::milliseconds lifetime{3'600'000};
  std::uint64_t requests = 1000;
};

}  // namespace caisson::upstream
