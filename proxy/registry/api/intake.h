// The way of a request's body into an upload: slices are gathered on the loop while the pool hashes and writes those
// gathered before. The client is never further ahead of the disk than the two buffers.
//
// Ownership: refers to the body, the upload and the pool, which outlive it. Threading: one loop.
// Memory: at most two buffers of 256 KiB, whatever the size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "async/pool.h"
#include "base/result.h"
#include "http/body.h"
#include "registry/store/upload.h"

namespace caisson::registry {

class Intake {
 public:
  Intake(http::BodyReader& from, store::Upload& upload, async::BlockingPool& disk)
      : from_(from), upload_(upload), disk_(disk) {}

  // Takes the whole body, but stops when more than `most` bytes came. An error is the storage's. Throws what the reader
  // throws, after what came before that is in the upload. Once.
  async::Task<Result<void>> run(std::uint64_t most = UINT64_MAX);

  // Bytes that the body had so far.
  std::uint64_t received() const noexcept { return received_; }

 private:
  async::Task<void> pump(std::uint64_t most);
  async::Task<bool> gather(std::uint64_t most);
  async::Task<void> write();
  void append_all();

  http::BodyReader& from_;
  store::Upload& upload_;
  async::BlockingPool& disk_;
  std::vector<std::byte> gathered_;
  std::vector<std::byte> writing_;  // older than what is gathered; empty once it is in the upload
  std::uint64_t received_ = 0;
  Result<void> stored_;
};

}  // namespace caisson::registry
