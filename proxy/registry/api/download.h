// The way of a blob's bytes from the storage to a body: what the kernel has in memory goes out from the loop itself;
// from the first byte that the disk must be asked for, the pool reads ahead while the client takes what was read
// before.
//
// Threading: one loop. Memory: at most two buffers of 256 KiB, whatever the size.
#pragma once

#include <cstdint>

#include "async/pool.h"
#include "base/result.h"
#include "http/body.h"
#include "registry/store/driver.h"

namespace caisson::registry {

// Sends `size` bytes from `offset` on; does not finish the body. Throws what the writer throws.
async::Task<Result<void>> send_content(const store::Content& content, std::uint64_t offset, std::uint64_t size,
                                       http::BodyWriter& to, async::BlockingPool& disk);

}  // namespace caisson::registry
