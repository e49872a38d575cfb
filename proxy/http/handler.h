// What makes the response to a request: an external backend, the embedded registry, static files.
#pragma once

#include <optional>

#include "http/exchange.h"

namespace caisson::http {

// Ownership: shared by all loops for as long as the settings live; per-loop state is in async::PerLoop.
// Threading: handle() runs on the exchange's loop, on several loops at once.
class Handler {
 public:
  virtual ~Handler() = default;
  // Answers the exchange. Either it has responded itself (nothing is returned), or it returns what is to be answered in
  // its place, having sent nothing: the gateway renders that (error_page, built-in pages).
  // Throws: PeerGone, async::TimedOut, async::Cancelled, async::Busy (503 when nothing was sent yet); anything else is
  // a bug: logged and answered 500.
  virtual async::Task<std::optional<Answer>> handle(Exchange& exchange) = 0;
};

}  // namespace caisson::http
