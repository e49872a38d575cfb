// What the tests of net/ and tls/ share: a loop for one task, and connected sockets.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "async/join.h"
#include "async/loop.h"
#include "base/handle.h"
#include "net/listener.h"
#include "net/socket.h"
#include "unit/async/run.h"

namespace caisson::net_test {

using namespace net;
using namespace std::chrono_literals;
using async::Loop;
using async::Task;
using async_test::run;

// Two connected non-blocking unix sockets.
inline std::pair<Fd, Fd> socket_pair() {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
  return {Fd(pair[0]), Fd(pair[1])};
}

// Two connected non-blocking TCP sockets: client, server.
inline std::pair<Fd, Fd> tcp_pair() {
  auto listener = net::open_listener(*net::Address::from_ip("127.0.0.1", 0), {});
  REQUIRE(listener.ok());
  const net::Address address = net::local_address(listener.value().get());
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), address.get(), address.size()) == 0);
  REQUIRE(::fcntl(client.get(), F_SETFL, O_NONBLOCK) == 0);
  Fd server(::accept4(listener.value().get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  REQUIRE(server);
  return {std::move(client), std::move(server)};
}

}  // namespace caisson::net_test
