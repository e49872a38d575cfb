// How many requests of each key are being handled now. ngx_http_limit_conn_module.c
//
// Workers before and after a reload count in one table. Each has a column of its own there, so that what a worker
// counted that was killed does not count for ever.
//
// Ownership: shared by the settings and by the requests that it counts. Threading: any thread.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/shared_memory.h"
#include "limits/shared_table.h"

namespace caisson::limits {

class ConnectionZone {
 public:
  // How much memory a zone of so many bytes takes.
  static std::size_t memory_for(std::size_t bytes);

  // `bytes` of memory, for as many keys as nginx would keep in it. `process`: who counts.
  ConnectionZone(std::size_t bytes, std::shared_ptr<SharedMemory> memory, pid_t process);
  // For this process alone.
  explicit ConnectionZone(std::size_t bytes);
  ~ConnectionZone();
  ConnectionZone(const ConnectionZone&) = delete;
  ConnectionZone& operator=(const ConnectionZone&) = delete;

  enum class Outcome { Entered, Over, NoRoom };
  // Entered: last call leave(), with the same key.
  Outcome enter(std::string_view key, unsigned most);
  void leave(std::string_view key);

 private:
  static constexpr std::size_t most_processes = 16;  // that finish what they have, while reload follows on reload
  using Counts = std::array<std::uint16_t, most_processes>;
  using Processes = std::array<pid_t, most_processes>;  // 0: nobody's column
  using Table = SharedTable<Counts, Processes>;

  void take_column(pid_t process);
  void clear_column();

  Table table_;
  std::size_t column_ = 0;
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
