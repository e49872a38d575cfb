// A gate before a backend that the test plays.
#pragma once

#include <string>
#include <string_view>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

namespace integration {

struct Stage {
  explicit Stage(std::string_view more = "") : server("", proxying(port, backend.port(), more)) { server.start(); }

  // The backend's side of a request, up to the end of its head.
  Wire called() {
    Wire peer = backend.accept();
    request = peer.read_until("\r\n\r\n");
    return peer;
  }
  // What the client gets when a fresh connection of the backend says this and closes.
  std::string relayed(std::string_view response, std::string_view head = "GET / HTTP/1.1\r\nHost: a\r\n") {
    Wire client = Wire::to(port);
    client.send(std::string(head) + "Connection: close\r\n\r\n");
    {
      Wire peer = called();
      peer.send(response);
    }
    std::string got = client.read_to_end();
    clean = client.ended_cleanly();
    return got;
  }
  std::string body_of(std::string_view response) {
    const std::string all = relayed(response);
    const std::size_t end = all.find("\r\n\r\n");
    return end == std::string::npos ? all : all.substr(end + 4);
  }

  std::uint16_t port = free_port();
  Backend backend;
  Server server;
  std::string request;
  bool clean = false;
};

}  // namespace integration
