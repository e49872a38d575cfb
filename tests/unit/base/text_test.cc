#include "base/text.h"

#include <doctest/doctest.h>

using namespace caisson;

TEST_CASE("base64 survives a round trip at every length of the last group") {
  for (const std::string_view plain : {"", "a", "ab", "abc", "user:pass"}) {
    CHECK(text::from_base64(text::to_base64(text::bytes_of(plain))) == plain);
  }
  CHECK(text::to_base64(text::bytes_of("user:pass")) == "dXNlcjpwYXNz");
}

TEST_CASE("base64 with a character outside the alphabet is refused") {
  CHECK_FALSE(text::from_base64("dX!l").has_value());
  CHECK_FALSE(text::from_base64("d").has_value());
}

TEST_CASE("a number is digits alone, without sign, space or overflow") {
  CHECK(text::to_number("0") == 0);
  CHECK(text::to_number("18446744073709551615") == UINT64_MAX);
  for (const std::string_view bad : {"", "+1", "-1", " 1", "1 ", "0x1", "18446744073709551616"}) {
    CHECK_FALSE(text::to_number(bad).has_value());
  }
}

TEST_CASE("percent decoding refuses a percent sign without two digits") {
  CHECK(text::percent_decoded("sha256%3Aab") == "sha256:ab");
  CHECK_FALSE(text::percent_decoded("100%").has_value());
  CHECK_FALSE(text::percent_decoded("%zz").has_value());
}
