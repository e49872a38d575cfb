#include "upstream/range_filter.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::upstream {

namespace {

// If-Range (RFC 9110 section 13.1.5): a validator that must be the answer's own.
bool same_document(const http::Headers& request, const http::Headers& answer) {
  const std::string* wanted = request.find("If-Range");
  if (wanted == nullptr) return true;
  const std::string* own = answer.find(wanted->ends_with('"') ? "ETag" : "Last-Modified");
  return own != nullptr && *own == *wanted;
}

}  // namespace

async::Task<void> RangeWriter::write(std::span<const std::byte> slice) {
  const std::uint64_t from = std::clamp(range_.begin, at_, at_ + slice.size()) - at_;
  const std::uint64_t to = std::clamp(range_.end, at_, at_ + slice.size()) - at_;
  at_ += slice.size();
  if (from < to) co_await to_.write(slice.subspan(from, to - from));
}

std::optional<http::ByteRange> cut_to_range(const http::RequestHead& request, http::ResponseHead& head) {
  const std::string* length = head.headers.find("Content-Length");
  const auto size = length != nullptr ? text::to_number(*length) : std::nullopt;
  if (head.status != 200 || !size) return std::nullopt;
  head.headers.remove("Accept-Ranges");
  const std::string* range = request.headers.find("Range");
  using Kind = http::AskedRanges::Kind;
  http::AskedRanges asked;
  if (range != nullptr && same_document(request.headers, head.headers)) asked = http::parse_ranges(*range, *size, 1);
  if (asked.kind == Kind::Whole) {
    head.headers.add("Accept-Ranges", "bytes");
    return std::nullopt;
  }
  const std::string all = '/' + std::to_string(*size);
  head.reason.clear();
  if (asked.kind == Kind::Unsatisfiable) {
    head.status = 416;
    head.headers.set("Content-Length", "0");
    head.headers.add("Content-Range", "bytes *" + all);
    return http::ByteRange{};
  }
  const http::ByteRange part = asked.ranges.front();
  head.status = 206;
  head.headers.set("Content-Length", std::to_string(part.size()));
  head.headers.add("Content-Range", "bytes " + std::to_string(part.begin) + '-' + std::to_string(part.end - 1) + all);
  return part;
}

}  // namespace caisson::upstream
