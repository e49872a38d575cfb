// `caisson health`, the container's HEALTHCHECK: whether process 1 takes connections on all ports that it listens on.
//
// It needs neither the configuration nor a password nor TLS, and leaves no line in an access log: it ends a connection
// without a request, which the worker takes notice of by ending it, too. One that hangs leaves it in the queue.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <set>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace caisson::app::container {

// The addresses of the listening sockets among `inodes` in the text of /proc/net/tcp or tcp6 (proc(5)).
std::vector<net::Address> listening(std::string_view table, const std::set<std::uint64_t>& inodes);

// 0 when it is healthy; otherwise says why on `out`.
int check_health(std::ostream& out);

}  // namespace caisson::app::container
