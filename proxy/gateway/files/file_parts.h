// What is sent of a file: all of it, one part, or several with their heads (RFC 9110, section 14).
//
// Ownership: values. Threading: one loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "gateway/files/disk.h"
#include "http/handler.h"
#include "http/ranges.h"
#include "rules/request_state.h"

namespace caisson::gateway {

struct FileParts {
  struct Piece {
    std::string before;  // a part's own head
    http::ByteRange range;
  };
  std::vector<Piece> pieces;
  std::string after;

  std::uint64_t size() const;
};

FileParts whole_file(std::uint64_t size);

struct RangeLimits {
  std::uint64_t size;  // of the document
  std::uint64_t most;  // max_ranges
};

// Makes `head`, which the response stages have seen, and `parts` those that the client asks for; returns what is
// answered when there are none of them. ngx_http_range_header_filter
std::optional<http::Answer> take_ranges(rules::RequestState& state, http::ResponseHead& head, FileParts& parts,
                                        const RangeLimits& limits);

// Sends and finishes the body. Throws PeerGone when the file turns out shorter than was promised.
async::Task<void> send_parts(rules::RequestState& state, http::BodyWriter& body, const OpenedFile& file,
                             const FileParts& parts);

}  // namespace caisson::gateway
