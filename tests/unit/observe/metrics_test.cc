#include "observe/metrics.h"

#include <doctest/doctest.h>

using namespace caisson::observe;

TEST_CASE("numbers are written as Go writes them, so that dashboards find their buckets") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(0.005) == "0.005");
  CHECK(number_text(2.5) == "2.5");
  CHECK(number_text(60) == "60");
  CHECK(number_text(524288) == "524288");
  CHECK(number_text(1048576) == "1.048576e+06");
  CHECK(number_text(2147483648.0) == "2.147483648e+09");
  CHECK(number_text(0.00001) == "1e-05");
}

TEST_CASE("a histogram counts each value in its bucket and all above") {
  static constexpr std::array bounds = {1.0, 2.0};
  Histogram values(bounds);
  for (const double value : {0.5, 1.0, 1.5, 99.0}) values.observe(value);
  Exposition to;
  to.family("x", "histogram", "Some text.");
  to.histogram("x", {{"a", "b"}}, values);
  CHECK(to.text() ==
        "# HELP x Some text.\n"
        "# TYPE x histogram\n"
        "x_bucket{a=\"b\",le=\"1\"} 2\n"
        "x_bucket{a=\"b\",le=\"2\"} 3\n"
        "x_bucket{a=\"b\",le=\"+Inf\"} 4\n"
        "x_sum{a=\"b\"} 102\n"
        "x_count{a=\"b\"} 4\n");
}

TEST_CASE("labels are escaped; without labels there are no braces") {
  Exposition to;
  to.family("x", "gauge", "Some text.");
  to.sample("x", {{"a", "\"\\\n"}}, 1);
  to.sample("x", {}, 0.25);
  CHECK(to.text() == "# HELP x Some text.\n# TYPE x gauge\nx{a=\"\\\"\\\\\\n\"} 1\nx 0.25\n");
}

TEST_CASE("what two registries say of one family stands together, under one head") {
  Exposition to;
  for (const char* const source : {"first", "second"}) {
    to.family("x", "gauge", "Some text.");
    to.sample("x", {{"from", source}}, 1);
    to.family("y", "gauge", "Some text.");
    to.sample("y", {{"from", source}}, 2);
  }
  CHECK(to.text() ==
        "# HELP x Some text.\n# TYPE x gauge\nx{from=\"first\"} 1\nx{from=\"second\"} 1\n"
        "# HELP y Some text.\n# TYPE y gauge\ny{from=\"first\"} 2\ny{from=\"second\"} 2\n");
}

TEST_CASE("sources are written in the order in which they were added") {
  Metrics metrics;
  for (const char* const name : {"a", "b"}) {
    metrics.add([name](Exposition& to) {
      to.family(name, "gauge", "Text.");
      to.sample(name, {}, 1);
    });
  }
  CHECK(metrics.write() == "# HELP a Text.\n# TYPE a gauge\na 1\n# HELP b Text.\n# TYPE b gauge\nb 1\n");
}

TEST_CASE("the process knows its memory, descriptors and start") {
  Exposition to;
  write_process_metrics(to);
  for (const char* const name :
       {"process_cpu_seconds_total ", "process_open_fds ", "process_max_fds ", "process_resident_memory_bytes ",
        "process_virtual_memory_bytes ", "process_start_time_seconds "}) {
    const std::size_t at = to.text().find('\n' + std::string(name));
    CAPTURE(name);
    REQUIRE(at != std::string::npos);
    CHECK(std::stod(to.text().substr(at + 1 + std::string(name).size())) >= 0);
  }
}
