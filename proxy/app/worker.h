// A worker process, from its first instruction on.
#pragma once

#include "app/product.h"

namespace caisson::app {

// The descriptor number of the channel to the master in a process that was started as a worker; -1 in any other.
int worker_channel();

// Takes the handover, gives up rights, serves. Returns the exit status.
int run_worker(Product& product, int channel);

// Starts this binary anew as a worker, which inherits `channel` and nothing else; its standard error is `error_output`.
// Returns its process id.
Result<pid_t> start_worker(int channel, int error_output);

}  // namespace caisson::app
