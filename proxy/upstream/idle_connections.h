// The connections of one loop to one upstream that wait for their next request. Each is watched: it is closed as soon
// as its backend closes it, says something unasked, or the time is up. ngx_http_upstream_keepalive_module
//
// Ownership: owns the connections that wait. Lets go of them when its loop ends. Threading: one loop.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string_view>

#include "upstream/connection.h"
#include "upstream/keep_alive.h"

namespace caisson::upstream {

class IdleConnections {
 public:
  IdleConnections();
  ~IdleConnections();
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

  // The one of that key that came last, or null. `at_most`: how long it may have waited; a backend may be about to
  // close one that has waited long, and only some requests can be repeated then.
  std::unique_ptr<Connection> take(std::string_view key, std::optional<std::chrono::milliseconds> at_most);

  // Keeps the connection, or closes it when it may serve no further request.
  void put(std::unique_ptr<Connection> connection, const KeepAlive& settings);

  std::size_t size() const noexcept;

 private:
  struct Entry;
  using Entries = std::list<Entry>;  // the newest first
  std::shared_ptr<Entries> entries_;
  bool known_to_loop_ = false;
};

}  // namespace caisson::upstream
