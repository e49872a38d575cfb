#pragma once

#include <exception>

#include "async/loop.h"

namespace caisson::async_test {

// Runs one task on a loop of its own to its end; what it throws comes out.
template <class MakeTask>
void run(MakeTask make_task) {
  async::Loop loop;
  std::exception_ptr failure;
  loop.on_failure([&](std::exception_ptr error) { failure = error; });
  loop.spawn(make_task(loop));
  loop.stop_when_idle();
  loop.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace caisson::async_test
