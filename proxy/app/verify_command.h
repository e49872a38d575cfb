// `caisson registry verify`: its options, and the rights that it works with.
//
// Threading: the main thread, before there is another.
#pragma once

#include <span>
#include <string>

namespace caisson::app {

// `arguments`: those behind "verify"; `environment`: as environ(7) has it. The exit status: 0 clean, 1 damaged, 2 the
// work could not be done.
int run_verify(std::span<const char* const> arguments, char** environment);

}  // namespace caisson::app
