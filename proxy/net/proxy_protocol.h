// The PROXY protocol: a proxy in front says, before anything else, whose connection it passes on. Versions 1 (a line of
// text) and 2 (binary). https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "async/loop.h"
#include "net/address.h"
#include "net/transport.h"

namespace caisson::net {

struct ProxyHeader {
  // The connection as the proxy has it. No addresses: it did not say (UNKNOWN, LOCAL), or they are of no TCP family.
  struct Ends {
    std::string client;
    std::uint16_t client_port = 0;
    std::string server;
    std::uint16_t server_port = 0;
  };
  std::optional<Ends> ends;
  std::size_t size = 0;  // of the header, in bytes
};

// How far the bytes at the beginning of a connection are a header.
struct ProxyHeaderOutcome {
  enum class State : unsigned char { NeedMore, Complete, Broken };
  State state = State::NeedMore;
  ProxyHeader header;  // after Complete
};
ProxyHeaderOutcome parse_proxy_header(std::string_view bytes);

// Takes the header from a connected socket, and no byte more. Nothing: what came is none, or the peer left.
// Throws async::TimedOut after `limit` for the whole, async::Cancelled, ConnectionLost.
async::Task<std::optional<ProxyHeader>> read_proxy_header(async::Loop& loop, int fd, Milliseconds limit);

}  // namespace caisson::net
