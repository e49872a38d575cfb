// proxy_force_ranges: a part of a backend's whole answer, for a client that asked for one. ngx_http_range_filter_module
// with a single range.
//
// Ownership: RangeWriter borrows the writer behind it. Threading: one loop.
#pragma once

#include <cstdint>
#include <optional>

#include "http/body.h"
#include "http/exchange.h"
#include "http/ranges.h"

namespace caisson::upstream {

// Passes on the bytes of one range and drops the others.
class RangeWriter final : public http::BodyWriter {
 public:
  RangeWriter(http::BodyWriter& to, http::ByteRange range) : to_(to), range_(range) {}

  async::Task<void> write(std::span<const std::byte> slice) override;
  async::Task<void> flush() override { return to_.flush(); }
  async::Task<void> finish() override { return to_.finish(); }

 private:
  http::BodyWriter& to_;
  const http::ByteRange range_;
  std::uint64_t at_ = 0;
};

// Makes the head of a whole answer that of the part that `request` asks for, and says which part; nothing when all of
// it goes out. A range that cannot be had makes the head a 416, whose part is empty.
std::optional<http::ByteRange> cut_to_range(const http::RequestHead& request, http::ResponseHead& head);

}  // namespace caisson::upstream
