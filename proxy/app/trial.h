// A worker that only tries: what cannot be known before a process has the worker's rights.
#pragma once

#include <string>
#include <vector>

#include "app/invocation.h"
#include "app/plan.h"

namespace caisson::app {

// Starts a worker that checks with its final rights what only it can check, such as the registry's folder, and waits
// for its end. What is wrong, one line each; empty when nothing is.
std::vector<std::string> check_in_worker(const Invocation& invocation, const Plan& plan);

}  // namespace caisson::app
