#include "observe/escape.h"

#include <doctest/doctest.h>

using namespace caisson::observe;
using namespace std::string_view_literals;

TEST_CASE("a value is escaped for the access log as nginx does it") {
  CHECK(escaped("plain /v2/ text~") == "plain /v2/ text~");
  CHECK(escaped("a\"b\x01\xff\\c") == "a\\x22b\\x01\\xFF\\x5Cc");
  CHECK(escaped("\n\0\x7f"sv) == "\\x0A\\x00\\x7F");
  CHECK(escaped("") == "");
}

TEST_CASE("a value is escaped for JSON as nginx does it") {
  CHECK(json_escaped("a\"b\\c\n\r\t\b\f\x1f\xc3\xa9") == "a\\\"b\\\\c\\n\\r\\t\\b\\f\\u001F\xc3\xa9");
}

TEST_CASE("an error message keeps its quotes and letters, but no control byte can begin a line of its own") {
  CHECK(without_controls("open() \"/srv/\xc3\xa9\" \x1b[2J\nfake") == "open() \"/srv/\xc3\xa9\" \\x1B[2J\\x0Afake");
}
