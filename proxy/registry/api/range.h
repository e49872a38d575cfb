// Byte ranges: which part of a blob a client wants (RFC 9110 section 14), and which part of an upload it sends (OCI
// distribution: "Content-Range: 0-499").
//
// Units: bytes; both ends are inclusive. Threading: none of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace caisson::registry {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t size() const noexcept { return last - first + 1; }
  bool operator==(const ByteRange&) const = default;
};

struct WholeBlob {};
struct NotSatisfiable {};  // 416

// A Range header against a blob of `size` bytes. Several ranges and other units get the whole blob. A malformed or
// reversed range is not satisfiable: RFC 9110 would let us ignore it, but clients take the whole then for a part.
std::variant<ByteRange, WholeBlob, NotSatisfiable> parse_range(std::string_view header, std::uint64_t size) noexcept;

// "FIRST-LAST", also "bytes FIRST-LAST/TOTAL"; nothing when it is neither.
std::optional<ByteRange> parse_content_range(std::string_view header) noexcept;

}  // namespace caisson::registry
