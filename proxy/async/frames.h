// Memory for coroutine frames. A request is some dozens of coroutines that begin and end on one loop: their frames come
// from lists of free blocks that each thread keeps, and go back there.
//
// Ownership: a block belongs to who allocated it until it is given back, on whichever thread. Threading: any.
#pragma once

#include <cstddef>

namespace caisson::async {

// Throws std::bad_alloc.
void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

}  // namespace caisson::async
