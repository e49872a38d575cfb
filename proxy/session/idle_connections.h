// Which client connections wait for a request, and whether a graceful stop has begun.
#pragma once

#include <cstddef>
#include <list>

#include "async/cancel.h"

namespace caisson::session {

// The connections of one loop that wait for a request, so that just these can be ended: all that were answered before,
// by a graceful stop; the oldest, when others need their place (ngx_drain_connections).
//
// Threading: one loop.
class IdleConnections {
 public:
  // From now on connections close after the response in hand; those that wait for another request close at once. Who
  // has not asked for anything yet may be just about to: a graceful stop answers one request, as nginx does.
  void drain();
  bool draining() const noexcept { return draining_; }

  // Ends those that have waited longest, at most so many.
  void close_oldest(std::size_t most);

 private:
  friend class IdleWait;
  struct Waiting {
    async::CancelScope* scope;
    bool served;  // it has had an answer
  };
  std::list<Waiting> waiting_;  // the oldest first
  bool draining_ = false;
};

// One connection that waits, as long as this lives; `scope` outlives it, and what waits under it ends by
// async::Cancelled.
class IdleWait {
 public:
  IdleWait(IdleConnections& all, async::CancelScope& scope, bool served)
      : all_(all), self_(all.waiting_.insert(all.waiting_.end(), {&scope, served})) {}
  ~IdleWait() { all_.waiting_.erase(self_); }
  IdleWait(const IdleWait&) = delete;
  IdleWait& operator=(const IdleWait&) = delete;

 private:
  IdleConnections& all_;
  const std::list<IdleConnections::Waiting>::iterator self_;
};

}  // namespace caisson::session
