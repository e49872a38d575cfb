// Which bytes of a document a Range header asks for. ngx_http_range_filter_module; RFC 9110 section 14.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace caisson::http {

struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // one behind the last byte
  std::uint64_t size() const noexcept { return end - begin; }
  bool operator==(const ByteRange&) const = default;
};

struct AskedRanges {
  enum class Kind {
    Whole,          // no range, one that means everything, more than `most`, or more bytes than there are
    Parts,          // `ranges`, at least one
    Unsatisfiable,  // 416
  };
  Kind kind = Kind::Whole;
  std::vector<ByteRange> ranges;
};

// `header` is the value of Range; `size` that of the document. All arithmetic is checked (CVE-2017-7529).
AskedRanges parse_ranges(std::string_view header, std::uint64_t size, std::uint64_t most);

}  // namespace caisson::http
