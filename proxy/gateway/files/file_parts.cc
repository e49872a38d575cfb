#include "gateway/files/file_parts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <string_view>

#include "base/text.h"
#include "gateway/answers/http_date.h"
#include "gateway/files/conditional.h"
#include "rules/request_log.h"

namespace caisson::gateway {

using http::AskedRanges;
using http::ByteRange;
using rules::RequestState;

namespace {

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.begin) + '-' + std::to_string(range.end - 1) + '/' + std::to_string(size);
}

// multipart/byteranges, RFC 9110 section 14.6.
FileParts parts_of(const std::vector<ByteRange>& ranges, std::uint64_t size, const std::string& type,
                   const std::string& boundary) {
  FileParts parts;
  for (const ByteRange& range : ranges) {
    parts.pieces.push_back({"\r\n--" + boundary + "\r\nContent-Type: " + type +
                                "\r\nContent-Range: " + content_range(range, size) + "\r\n\r\n",
                            range});
  }
  parts.after = "\r\n--" + boundary + "--\r\n";
  return parts;
}

// A number of its own for each answer, with nginx's 20 digits.
std::string make_boundary() {
  static std::atomic<std::uint64_t> next{1};
  std::array<char, 24> text{};
  const int length = std::snprintf(text.data(), text.size(), "%020llu",
                                   static_cast<unsigned long long>(next.fetch_add(1, std::memory_order_relaxed)));
  return {text.data(), static_cast<std::size_t>(length)};
}

// The fields of a file's answer but for the first of each that tells of the file; a second one is add_header's.
http::Headers without_file_fields(const http::Headers& headers) {
  std::vector<std::string_view> of_file = {"Server",        "Date", "Content-Type", "Content-Length",
                                           "Last-Modified", "ETag", "Accept-Ranges"};
  http::Headers kept;
  for (const http::HeaderField& field : headers) {
    const auto found = std::find_if(of_file.begin(), of_file.end(),
                                    [&](std::string_view name) { return text::iequals(name, field.name); });
    if (found == of_file.end()) {
      kept.add(field.name, field.value);
    } else {
      of_file.erase(found);
    }
  }
  return kept;
}

// Of the head as it leaves: add_header may have brought others than the file's.
Validators validators_in(const http::Headers& headers) {
  Validators validators;
  const std::string* modified = headers.find("Last-Modified");
  if (modified != nullptr) validators.modified = parse_http_date(*modified);
  const std::string* etag = headers.find("ETag");
  if (etag != nullptr) validators.etag = *etag;
  return validators;
}

}  // namespace

std::uint64_t FileParts::size() const {
  std::uint64_t all = after.size();
  for (const Piece& piece : pieces) all += piece.before.size() + piece.range.size();
  return all;
}

FileParts whole_file(std::uint64_t size) { return {{{"", {0, size}}}, ""}; }

std::optional<http::Answer> take_ranges(RequestState& state, http::ResponseHead& head, FileParts& parts,
                                        const RangeLimits& limits) {
  const http::Headers& request = state.exchange.request().headers;
  const std::string* range = request.find("Range");
  if (range == nullptr || !range_may_count(request, validators_in(head.headers))) return std::nullopt;
  const AskedRanges asked = http::parse_ranges(*range, limits.size, limits.most);
  switch (asked.kind) {
    case AskedRanges::Kind::Whole:
      return std::nullopt;
    case AskedRanges::Kind::Unsatisfiable: {
      // What the stages have added stays, and is added to the error's page once more.
      http::Answer answer{416, {}, std::nullopt};
      answer.headers = without_file_fields(head.headers);
      answer.headers.set("Content-Range", "bytes */" + std::to_string(limits.size));
      return answer;
    }
    case AskedRanges::Kind::Parts:
      break;
  }
  head.status = 206;
  head.headers.remove("Accept-Ranges");
  if (asked.ranges.size() == 1) {
    head.headers.add("Content-Range", content_range(asked.ranges.front(), limits.size));
    parts.pieces.front().range = asked.ranges.front();
  } else {
    const std::string boundary = make_boundary();
    const std::string* type = head.headers.find("Content-Type");
    parts = parts_of(asked.ranges, limits.size, type != nullptr ? *type : std::string(), boundary);
    head.headers.set("Content-Type", "multipart/byteranges; boundary=" + boundary);
  }
  head.headers.set("Content-Length", std::to_string(parts.size()));
  return std::nullopt;
}

async::Task<void> send_parts(RequestState& state, http::BodyWriter& body, const OpenedFile& file,
                             const FileParts& parts) {
  FileReader reader(*state.settings<DiskSettings>().pool, file.fd.get());
  for (const FileParts::Piece& piece : parts.pieces) {
    if (!piece.before.empty()) co_await body.write(text::bytes_of(piece.before));
    for (std::uint64_t at = piece.range.begin; at < piece.range.end;) {
      const auto slice = co_await reader.read(at, piece.range.end - at);
      if (slice.empty()) {
        rules::log(state, observe::Level::Alert, "a file became shorter while it was sent");
        throw http::PeerGone();  // the length is promised: break off
      }
      co_await body.write(slice);
      at += slice.size();
    }
  }
  if (!parts.after.empty()) co_await body.write(text::bytes_of(parts.after));
  co_await body.finish();
}

}  // namespace caisson::gateway
