// Which client connections wait for a request, and whether a graceful stop has begun.
#pragma once

#include <chrono>
#include <list>

#include "async/cancel.h"

namespace caisson::session {

// The connections of one loop that wait for a request, so that just these can be ended: all that were answered before,
// by a graceful stop; the oldest, when others need their place (ngx_drain_connections). Those in the middle of a head
// or a handshake are known, too: whoever takes long for that gives its place when nobody waits.
//
// Threading: one loop.
class IdleConnections {
 public:
  // From now on connections close after the response in hand; those that wait for another request close at once. Who
  // has not asked for anything yet may be just about to: a graceful stop answers one request, as nginx does.
  void drain();
  bool draining() const noexcept { return draining_; }

  // Ends the one that has waited longest.
  void close_oldest();

 private:
  friend class IdleWait;
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    async::CancelScope* scope;
    bool served;              // it has had an answer
    Clock::time_point since;  // of those in the middle
  };
  std::list<Waiting> waiting_;        // the oldest first
  std::list<Waiting> in_the_middle_;  // of a head or a handshake
  bool draining_ = false;
};

// One connection that waits, as long as this lives; `scope` outlives it, and what waits under it ends by
// async::Cancelled.
class IdleWait {
 public:
  IdleWait(IdleConnections& all, async::CancelScope& scope, bool served)
      : list_(all.waiting_), self_(list_.insert(list_.end(), {&scope, served, {}})) {}
  // In the middle of what began then.
  IdleWait(IdleConnections& all, async::CancelScope& scope, std::chrono::steady_clock::time_point began)
      : list_(all.in_the_middle_), self_(list_.insert(list_.end(), {&scope, false, began})) {}
  ~IdleWait() { list_.erase(self_); }
  IdleWait(const IdleWait&) = delete;
  IdleWait& operator=(const IdleWait&) = delete;

 private:
  std::list<IdleConnections::Waiting>& list_;
  const std::list<IdleConnections::Waiting>::iterator self_;
};

}  // namespace caisson::session
