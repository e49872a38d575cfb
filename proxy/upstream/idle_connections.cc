#include "upstream/idle_connections.h"

#include <event2/event.h>

#include <new>

#include "async/loop.h"
#include "base/handle.h"

namespace caisson::upstream {

struct IdleConnections::Entry {
  std::unique_ptr<Connection> connection;
  Connection::Clock::time_point since;
  Entries* owner = nullptr;
  Entries::iterator self;
  std::unique_ptr<event, FreeWith<&event_free>> watch;  // goes before the connection, whose descriptor it watches

  static void on_event(int, short, void* argument) {
    const auto* entry = static_cast<Entry*>(argument);
    entry->owner->erase(entry->self);
  }
};

IdleConnections::IdleConnections() : entries_(std::make_shared<Entries>()) {}

IdleConnections::~IdleConnections() = default;

std::size_t IdleConnections::size() const noexcept { return entries_->size(); }

std::unique_ptr<Connection> IdleConnections::take(std::string_view key,
                                                  std::optional<std::chrono::milliseconds> at_most) {
  const auto now = async::Loop::current().now();
  for (auto entry = entries_->begin(); entry != entries_->end();) {
    if (entry->connection->key() != key) {
      ++entry;
      continue;
    }
    if (at_most && now - entry->since >= *at_most) return nullptr;  // those that follow have waited longer
    std::unique_ptr<Connection> found = std::move(entry->connection);
    entry->watch.reset();
    entry = entries_->erase(entry);
    if (found->quiet()) return found;
  }
  return nullptr;
}

void IdleConnections::put(std::unique_ptr<Connection> connection, const KeepAlive& settings) {
  const auto now = async::Loop::current().now();
  if (settings.idle_connections == 0 || connection->requests >= settings.requests ||
      now - connection->born() >= settings.lifetime || !connection->clean()) {
    return;
  }
  connection->release();
  async::Loop& loop = async::Loop::current();
  if (!known_to_loop_) {
    known_to_loop_ = true;
    loop.at_end([entries = std::weak_ptr(entries_)] {
      if (const auto held = entries.lock()) held->clear();
    });
  }
  while (entries_->size() >= settings.idle_connections) entries_->pop_back();

  Entry& entry = entries_->emplace_front();
  entry.connection = std::move(connection);
  entry.since = now;
  entry.owner = entries_.get();
  entry.self = entries_->begin();
  entry.watch.reset(event_new(loop.base(), entry.connection->transport().fd(), EV_READ, &Entry::on_event, &entry));
  if (!entry.watch) throw std::bad_alloc();
  const timeval limit{static_cast<time_t>(settings.timeout.count() / 1000),
                      static_cast<suseconds_t>(settings.timeout.count() % 1000 * 1000)};
  event_add(entry.watch.get(), &limit);
}

}  // namespace caisson::upstream
