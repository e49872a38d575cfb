#include "registry/api/range.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson::registry;

namespace {

std::string of(std::string_view header, std::uint64_t size) {
  const auto part = parse_range(header, size);
  if (const auto* range = std::get_if<ByteRange>(&part)) {
    return std::to_string(range->first) + '-' + std::to_string(range->last);
  }
  return std::holds_alternative<WholeBlob>(part) ? "whole" : "416";
}

}  // namespace

TEST_CASE("a range is clamped to the blob") {
  CHECK(of("bytes=0-0", 10) == "0-0");
  CHECK(of("bytes=2-5", 10) == "2-5");
  CHECK(of("bytes=2-", 10) == "2-9");
  CHECK(of("bytes=-3", 10) == "7-9");
  CHECK(of("bytes=-30", 10) == "0-9");
  CHECK(of("bytes=5-99", 10) == "5-9");
  CHECK(of("bytes=0-18446744073709551615", 10) == "0-9");
  CHECK(of("bytes=0-99999999999999999999999", 10) == "0-9");
  CHECK(of("Bytes = 1-2", 10) == "1-2");
}

TEST_CASE("a range that the blob does not have, or that is none, is not satisfiable") {
  for (const char* header :
       {"bytes=10-", "bytes=10-20", "bytes=5-4", "bytes=500-0", "bytes=abc", "bytes=", "bytes=-", "bytes=-0", "bytes",
        "bytes=1-x", "bytes=x-1", "bytes=+1-2", "bytes=-1-2", "bytes=99999999999999999999999-"}) {
    CAPTURE(header);
    CHECK(of(header, 10) == "416");
  }
  CHECK(of("bytes=0-", 0) == "416");
  CHECK(of("bytes=-1", 0) == "416");
}

TEST_CASE("several ranges and other units get the whole") {
  CHECK(of("bytes=0-0,5-6", 10) == "whole");
  CHECK(of("items=0-5", 10) == "whole");
}

TEST_CASE("a chunk's range") {
  CHECK(parse_content_range("0-499") == ByteRange{0, 499});
  CHECK(parse_content_range("bytes 500-999/1000") == ByteRange{500, 999});
  CHECK(parse_content_range("bytes 500-999/*") == ByteRange{500, 999});
  for (const char* header : {"", "-", "5-", "-5", "5-4", "a-b", "0-18446744073709551615", "bytes=0-5", "0-5 "}) {
    CAPTURE(header);
    CHECK_FALSE(parse_content_range(header).has_value());
  }
}
