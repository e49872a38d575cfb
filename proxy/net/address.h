// Socket addresses, and how nginx's configuration writes them.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace caisson::net {

// An IPv4, IPv6 or unix address, ready for the kernel.
class Address {
 public:
  Address() noexcept;  // no address (AF_UNSPEC)

  // A numeric address ("1.2.3.4", "::1", without brackets); nothing for any other text.
  static std::optional<Address> from_ip(std::string_view ip, std::uint16_t port);
  static Address any_v4(std::uint16_t port);
  // Nothing when the path is empty or too long for a sockaddr_un.
  static std::optional<Address> from_unix_path(std::string_view path);
  static Address from_sockaddr(const sockaddr* address, socklen_t size);

  int family() const noexcept { return any_.sa.sa_family; }
  bool is_unix() const noexcept { return family() == AF_UNIX; }
  // ::, 0.0.0.0
  bool is_wildcard() const noexcept;
  bool is_loopback() const noexcept;
  std::uint16_t port() const noexcept;  // 0 for unix
  void set_port(std::uint16_t port) noexcept;

  // The address alone, as $remote_addr and $server_addr give it: "1.2.3.4", "::1", "unix:".
  std::string ip() const;
  // With the port, as nginx logs it: "1.2.3.4:80", "[::1]:80", "unix:/run/x.sock".
  std::string text() const;
  std::string_view unix_path() const noexcept;

  const sockaddr* get() const noexcept { return &any_.sa; }
  socklen_t size() const noexcept { return size_; }

  friend bool operator==(const Address& a, const Address& b) noexcept;

 private:
  union Any {
    sockaddr sa;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  };
  Any any_;
  socklen_t size_;
};

// The addresses that a descriptor is bound and connected to; no address when it has none.
Address local_address(int fd);
Address peer_address(int fd);

// A place as the configuration writes it, not resolved yet: "80", "*:80", "1.2.3.4:80", "[::1]:80", "localhost:80",
// "registry:5000", "unix:/run/x.sock".
struct Endpoint {
  std::string host;  // without brackets; "*" for every IPv4 address; empty for unix
  std::uint16_t port = 0;
  bool has_port = false;  // false: `port` is the default that parse() was given
  std::string unix_path;

  enum class Use : unsigned char {
    Listen,  // a lone number is a port, "*" is a host
    Connect
  };
  // The error is only the problem, as nginx puts it before the text: "invalid port" (in "x:0" of the "listen"
  // directive), "no host", "invalid host", "invalid IPv6 address", "too long path in the unix domain socket".
  static Result<Endpoint> parse(std::string_view text, Use use, std::uint16_t default_port);

  // The address, when no name has to be looked up for it.
  std::optional<Address> numeric() const;
};

}  // namespace caisson::net
