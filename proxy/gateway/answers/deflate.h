// A body on its way out, compressed or unpacked as it comes: nothing is held back longer than to the next flush.
//
// Ownership: borrows the next writer. Threading: one loop. Errors: those of the next writer; UnpackWriter also throws
// http::BadMessage when what it gets is not gzip.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "http/body.h"

namespace caisson::gateway {

// Bytes before and after compression ($gzip_ratio).
struct GzipCount {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

struct DeflateOptions {
  int level = 1;
  int window_bits = 15;  // 2^n bytes of memory for what was seen
  int memory_level = 8;
  std::size_t buffer = 16 * 1024;  // bytes of output that go on together
};

// Turns a body into gzip's format (RFC 1952). A flush makes all that was written readable on the other side.
class GzipWriter final : public http::BodyWriter {
 public:
  GzipWriter(http::BodyWriter& next, const DeflateOptions& options, GzipCount& count);
  ~GzipWriter() override;
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  async::Task<void> write(std::span<const std::byte> slice) override;
  async::Task<void> flush() override;
  async::Task<void> finish() override;

 private:
  async::Task<void> deflate_all(std::span<const std::byte> slice, int mode);
  async::Task<void> send_on();

  http::BodyWriter& next_;
  GzipCount& count_;
  z_stream stream_{};
  std::vector<std::byte> out_;
  bool unflushed_ = false;
};

// Unpacks gzip for a client that cannot; several members one after the other are one body (RFC 1952 section 2.2).
class UnpackWriter final : public http::BodyWriter {
 public:
  UnpackWriter(http::BodyWriter& next, std::size_t buffer);
  ~UnpackWriter() override;
  UnpackWriter(const UnpackWriter&) = delete;
  UnpackWriter& operator=(const UnpackWriter&) = delete;

  async::Task<void> write(std::span<const std::byte> slice) override;
  async::Task<void> flush() override { return next_.flush(); }
  async::Task<void> finish() override;

 private:
  http::BodyWriter& next_;
  z_stream stream_{};
  std::vector<std::byte> out_;
  bool whole_ = true;  // no member is open
};

}  // namespace caisson::gateway
