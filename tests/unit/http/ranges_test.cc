#include "http/ranges.h"

#include <doctest/doctest.h>

#include <string>

using namespace caisson::http;
using Kind = AskedRanges::Kind;

namespace {

AskedRanges of_ten(std::string_view header) { return parse_ranges(header, 10, 100); }

}  // namespace

TEST_CASE("first and last byte, an open end and a suffix are ranges") {
  CHECK(of_ten("bytes=0-0").ranges == std::vector<ByteRange>{{0, 1}});
  CHECK(of_ten("bytes=2-5").ranges == std::vector<ByteRange>{{2, 6}});
  CHECK(of_ten("bytes=7-").ranges == std::vector<ByteRange>{{7, 10}});
  CHECK(of_ten("bytes=-3").ranges == std::vector<ByteRange>{{7, 10}});
  CHECK(of_ten("bytes=-99").ranges == std::vector<ByteRange>{{0, 10}});
  CHECK(of_ten("bytes=8-99").ranges == std::vector<ByteRange>{{8, 10}});
  CHECK(of_ten("bytes= 0 - 1 , 3-4").ranges == std::vector<ByteRange>{{0, 2}, {3, 5}});
}

TEST_CASE("what lies outside the document, or is no range, is unsatisfiable") {
  for (const char* header : {"bytes=10-", "bytes=5-4", "bytes=x", "bytes=1", "bytes=1-x", "bytes=--1",
                             "bytes=18446744073709551616-", "bytes=9223372036854775808-", "bytes=-0"}) {
    CAPTURE(header);
    CHECK(of_ten(header).kind == Kind::Unsatisfiable);
  }
}

TEST_CASE("another unit, too many ranges and more bytes than there are bring the whole document") {
  CHECK(of_ten("lines=0-1").kind == Kind::Whole);
  CHECK(of_ten("bytes=").kind == Kind::Whole);
  CHECK(parse_ranges("bytes=0-1,2-3", 10, 1).kind == Kind::Whole);
  CHECK(parse_ranges("bytes=0-1", 10, 0).kind == Kind::Whole);
  CHECK(of_ten("bytes=0-,0-").kind == Kind::Whole);
  std::string many = "bytes=0-";
  for (int i = 0; i < 1000; ++i) many += ",0-";
  CHECK(parse_ranges(many, 10, UINT64_MAX).kind == Kind::Whole);
}
