#include "limits/connection_zone.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <numeric>

#include "limits/request_zone.h"

namespace caisson::limits {

namespace {

constexpr std::size_t least_cost = 64;  // of a key of one byte

// Of ngx_rbtree_node_t and ngx_http_limit_conn_node_t, on 64-bit machines.
std::size_t cost_of(std::string_view key) {
  constexpr std::size_t node_bytes = 36;
  return slab_size(node_bytes + key.size());
}

bool is_gone(pid_t process) { return ::kill(process, 0) != 0 && errno == ESRCH; }

}  // namespace

std::size_t ConnectionZone::memory_for(std::size_t bytes) { return Table::memory_for(bytes, least_cost); }

ConnectionZone::ConnectionZone(std::size_t bytes, std::shared_ptr<SharedMemory> memory, pid_t process)
    : table_(std::move(memory), bytes, least_cost) {
  take_column(process);
}

ConnectionZone::ConnectionZone(std::size_t bytes)
    : ConnectionZone(bytes, SharedMemory::alone(memory_for(bytes)), ::getpid()) {}

ConnectionZone::~ConnectionZone() {
  const Table::Lock lock(table_);
  clear_column();
  table_.common()[column_] = 0;
}

// What the dead counted is forgotten. When so many processes are alive that no column is left, the last one is shared.
void ConnectionZone::take_column(pid_t process) {
  const Table::Lock lock(table_);
  Processes& processes = table_.common();
  for (column_ = most_processes; column_-- > 0;) {
    if (processes[column_] == 0 || !is_gone(processes[column_])) continue;
    clear_column();
    processes[column_] = 0;
  }
  const auto free = std::find(processes.begin(), processes.end() - 1, 0);
  column_ = static_cast<std::size_t>(free - processes.begin());
  *free = process;
}

void ConnectionZone::clear_column() {
  table_.for_each([this](Table::Entry& entry) {
    entry.value[column_] = 0;
    if (entry.value == Counts{}) table_.remove(entry);
  });
}

ConnectionZone::Outcome ConnectionZone::enter(std::string_view key, unsigned most) {
  const KeyDigest digest = digest_of(key);
  const Table::Lock lock(table_);
  Table::Entry* entry = table_.find(digest);
  if (entry == nullptr) entry = table_.add(digest, cost_of(key));
  if (entry == nullptr) return Outcome::NoRoom;
  Counts& counts = entry->value;
  if (std::accumulate(counts.begin(), counts.end(), 0U) >= most) return Outcome::Over;
  if (counts[column_] == std::numeric_limits<std::uint16_t>::max()) return Outcome::Over;
  ++counts[column_];
  return Outcome::Entered;
}

void ConnectionZone::leave(std::string_view key) {
  const KeyDigest digest = digest_of(key);
  const Table::Lock lock(table_);
  Table::Entry* const entry = table_.find(digest);
  // The table may have been emptied meanwhile, after a process that died in the middle of a change.
  if (entry == nullptr || entry->value[column_] == 0) return;
  --entry->value[column_];
  if (entry->value == Counts{}) table_.remove(*entry);
}

}  // namespace caisson::limits
