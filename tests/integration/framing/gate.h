// A gate before a backend that remembers what reached it.
#pragma once

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

namespace integration {

struct Gate {
  explicit Gate(std::string_view more = "", std::string_view in_server = "")
      : server("", proxying(port, backend.port(), more, in_server)) {
    server.folder().write("users", "user:{PLAIN}password\n");
    server.start();
  }

  // Everything that the server says to these bytes, until it closes.
  std::string say(std::string_view bytes) const {
    Wire client = Wire::to(port);
    try {
      client.send(bytes);
    } catch (const std::runtime_error&) {  // it did not want to hear all of it
    }
    return client.read_to_end();
  }
  // What reached the backend before this: a request that is sent now comes after all of it.
  std::vector<RecordingBackend::Request> seen() {
    REQUIRE(ask(port, get_request("/canary", "Connection: close\r\n")).status == 200);
    auto requests = backend.take();
    REQUIRE_FALSE(requests.empty());
    REQUIRE(requests.back().head.starts_with("GET /canary "));
    requests.pop_back();
    return requests;
  }
  // The one request that came.
  RecordingBackend::Request only_one() {
    auto requests = seen();
    REQUIRE(requests.size() == 1);
    return requests.front();
  }

  std::uint16_t port = free_port();
  RecordingBackend backend;
  Server server;
};

// The configuration of a gate that answers nobody without a password.
inline constexpr std::string_view closed = "auth_basic \"closed\"; auth_basic_user_file users;";

}  // namespace integration
