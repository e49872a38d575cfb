// A client that is in the middle of its request while something happens to the process.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "integration/support.h"

namespace integration {

inline const std::string half_a_request = "GET / HTTP/1.1\r\nHost: localhost\r\n";
inline const std::string the_other_half = "Connection: close\r\n\r\n";

// A client with half a request in the hands of a server that answers with this text.
inline Connection slow_client(std::uint16_t port, std::string_view answer) {
  Connection client(port);
  client.send(half_a_request);
  REQUIRE(get(port) == answer);  // so the worker has taken the connection before
  return client;
}

}  // namespace integration
