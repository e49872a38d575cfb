// How large the parts of a request may be.
#include <doctest/doctest.h>

#include <string>

#include "integration/framing/bytes.h"
#include "integration/framing/gate.h"
#include "integration/support.h"

using namespace integration;

TEST_CASE("sizes around the limits: what nginx takes is taken, one byte more is not") {
  Gate gate;
  // In nginx a line and its end must fit into a buffer of 8 KiB.
  const auto status = [&](const std::string& bytes) { return gate.say(bytes).substr(9, 3); };
  const auto target_in_line_of = [](std::size_t size) {
    const std::string rest = "GET  HTTP/1.1\r\n";
    return "GET " + line_of(size - rest.size(), "/") + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  };
  CHECK(status(target_in_line_of(8192)) == "200");
  CHECK(status(target_in_line_of(8193)) == "414");
  const auto field_line_of = [](std::size_t size) {
    return "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + line_of(size - 2, "X: ") + "\r\n\r\n";
  };
  CHECK(status(field_line_of(8192)) == "200");
  CHECK(status(field_line_of(8193)) == "400");
  for (const std::size_t size : {255, 256, 257}) {
    CAPTURE(size);
    gate.backend.take();
    const std::string name = line_of(size, "X");
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + name + ": v\r\n\r\n") == "200");
    CHECK(contains(gate.only_one().head, "\r\n" + name + ": v\r\n"));
  }
}
