// What the program does when called: one function for each face of nginx's command line.
//
// Threading: the main thread.
#pragma once

#include <span>

#include "app/product.h"

namespace caisson::app {

// All of main(): runs as a worker when started as one, otherwise does what the arguments say. Returns the exit status.
int run(Product& product, std::span<const char* const> argv);

}  // namespace caisson::app
