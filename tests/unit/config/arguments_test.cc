#include "config/arguments.h"

#include <doctest/doctest.h>

using namespace caisson;
using namespace caisson::config;
using namespace std::chrono_literals;

namespace {

Directive directive(std::string name, std::string value) {
  return {std::move(name), {std::move(value)}, {"conf/site.conf", 12}};
}

}  // namespace

TEST_CASE("a size is a number of bytes with k or m, an offset may have g as well") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("8k") == 8 * 1024);
  CHECK(parse_size("10M") == 10 * 1024 * 1024);
  CHECK_FALSE(parse_size("1g").has_value());
  CHECK(parse_offset("1g") == 1ULL << 30);
  CHECK(parse_offset("3G") == 3ULL << 30);
  CHECK(parse_offset("800m") == 800ULL << 20);
  for (const std::string_view bad :
       {"", "k", "-1", "1kk", "1 k", "1.5m", "0x10", "9223372036854775808", "9007199254740992k"}) {
    CHECK_FALSE(parse_offset(bad).has_value());
  }
}

TEST_CASE("times are taken and refused as by nginx, whose verdicts on each of these were asked for") {
  struct Verdict {
    std::string_view text;
    bool as_milliseconds;
    bool as_seconds;
  };
  constexpr Verdict verdicts[] = {
      {"1m 30s", true, true},
      {"1m30", true, true},
      {"1m 30", true, true},
      {"30 1s", false, false},
      {"30 1", true, true},
      {"1s 1s", false, false},
      {"1s1m", false, false},
      {"m", false, false},
      {"", false, false},
      {"1y", false, true},
      {"1ms", true, false},
      {"1m 1ms", true, false},
      {"1s1ms", true, false},
      {"1ms1s", false, false},
      {"1 ", true, true},
      {" 1", true, true},
      {"1h  2m", true, true},
      {"1 5", true, true},
      {"1s ", true, true},
      {"5 m", false, false},
      {"h", false, false},
      {"1hm", true, true},
      {"1M", false, true},
      {"9223372036854775807", false, true},
      {"9223372036854775", true, true},
      {"9223372036854776", false, true},
  };
  for (const Verdict& verdict : verdicts) {
    CAPTURE(verdict.text);
    CHECK(parse_milliseconds(verdict.text).has_value() == verdict.as_milliseconds);
    CHECK(parse_seconds(verdict.text).has_value() == verdict.as_seconds);
  }
}

TEST_CASE("the parts of a time add up, and a bare number is seconds") {
  CHECK(parse_milliseconds("900") == 900s);
  CHECK(parse_milliseconds("1h30m") == 90min);
  CHECK(parse_milliseconds("1w 1d 1h 1m 1s 1ms") == 694861001ms);
  CHECK(parse_seconds("1y 1M 2") == std::chrono::seconds((365 + 30) * 86400 + 2));
}

TEST_CASE("a bad value is refused in nginx's words, with a hint what a good one looks like") {
  CHECK(offset_arg(directive("client_max_body_size", "10q")).error().what ==
        "\"client_max_body_size\" directive invalid value in conf/site.conf:12 "
        "(\"10q\" is not a size such as 512k, 10m or 1g)");
  CHECK(number_arg(directive("keepalive_requests", "x")).error().what ==
        "\"keepalive_requests\" directive invalid number in conf/site.conf:12 (\"x\" is not a number)");
  CHECK(flag_arg(directive("tcp_nodelay", "maybe")).error().what ==
        "invalid value \"maybe\" in \"tcp_nodelay\" directive, it must be \"on\" or \"off\" in conf/site.conf:12");
  CHECK(milliseconds_arg(directive("proxy_read_timeout", "1y")).error().code == ErrorCode::BadConfig);
}

TEST_CASE("a flag may be written in either case") {
  CHECK(flag_arg(directive("ssl", "ON")).value());
  CHECK_FALSE(flag_arg(directive("ssl", "Off")).value());
}

TEST_CASE("an argument that is not there is a wrong number of arguments; over two lines, the semicolon is asked for") {
  const Directive bare{"send_timeout", {}, {"a.conf", 3}};
  CHECK(seconds_arg(bare).error().what == "invalid number of arguments in \"send_timeout\" directive in a.conf:3");
  Directive spread = bare;
  spread.first_line = 2;
  CHECK(wrong_argument_count(spread).what ==
        "invalid number of arguments in \"send_timeout\" directive in a.conf:3 "
        "(\"send_timeout\" begins in line 2; is a \";\" missing at the end of that line?)");
}
