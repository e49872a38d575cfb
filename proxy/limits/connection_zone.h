// How many requests of each key are being handled now. ngx_http_limit_conn_module.c
//
// Ownership: shared by the settings and by the requests that it counts. Threading: any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace caisson::limits {

class ConnectionZone {
 public:
  // `bytes` of memory, for as many keys as nginx would keep in it.
  explicit ConnectionZone(std::size_t bytes) : room_(bytes) {}

  enum class Outcome { Entered, Over, NoRoom };
  // Entered: last call leave(), with the same key.
  Outcome enter(const std::string& key, unsigned most);
  void leave(const std::string& key);

 private:
  std::mutex mutex_;
  std::size_t room_;  // bytes left
  std::unordered_map<std::string, unsigned> counts_;
};

// One request that a zone counts, as long as this lives.
class Counted {
 public:
  // The zone has let it enter.
  Counted(std::shared_ptr<ConnectionZone> zone, std::string key) : zone_(std::move(zone)), key_(std::move(key)) {}
  ~Counted() {
    if (zone_) zone_->leave(key_);
  }
  Counted(Counted&&) noexcept = default;
  Counted& operator=(Counted&&) = delete;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::shared_ptr<ConnectionZone> zone_;
  std::string key_;
};

}  // namespace caisson::limits
