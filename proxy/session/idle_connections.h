// Which client connections wait for another request, and whether a graceful stop has begun.
#pragma once

#include <unordered_set>

#include "async/cancel.h"

namespace caisson::session {

// The connections of one loop that wait for another request, so that a graceful stop can end just these.
//
// Threading: one loop.
class IdleConnections {
 public:
  // From now on connections close after the response in hand; those that wait close at once.
  void drain();
  bool draining() const noexcept { return draining_; }

 private:
  friend class Client;
  std::unordered_set<async::CancelScope*> waiting_;
  bool draining_ = false;
};

}  // namespace caisson::session
