// The watch for a peer's close as something to wait for, as tests want it.
#pragma once

#include "async/join.h"
#include "async/loop.h"

namespace caisson::async_test {

// Returns when the peer has closed its side. `Watched`: a Pollable or a net::Transport.
template <class Watched>
async::Task<void> peer_closes(Watched& watched) {
  async::CancelScope* outer = co_await async::current_scope();
  async::CancelScope closed(outer);
  async::Signal never;
  watched.cancel_when_closed(&closed);
  try {
    auto waiting = async::under(closed, [](async::Signal& signal) -> async::Task<void> {
      auto wait = signal.wait();
      co_await wait;
    }(never));
    co_await waiting;
  } catch (const async::Cancelled&) {
  }
  watched.cancel_when_closed(nullptr);
}

}  // namespace caisson::async_test
