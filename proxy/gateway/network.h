// IP addresses and the networks that rules name: "192.0.2.0/24", "2001:db8::/32", "192.0.2.1", "unix:".
//
// Threading: values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caisson::gateway {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // of an IPv4 address: the first four
  bool v6 = false;

  // An IPv4 address that is mapped into IPv6 (::ffff:192.0.2.1) counts as IPv4. Nothing when it is no address.
  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::uint32_t number);  // in host order
  std::string str() const;
  std::uint32_t v4_number() const;  // REQUIRES: it is IPv4
  auto operator<=>(const IpAddress&) const = default;
};

struct Network {
  IpAddress first;
  unsigned bits = 0;
  bool unix_sockets = false;  // "unix:"
  bool host_bits = false;     // as written, it had bits behind its prefix, which nginx warns of

  // ngx_ptocidr
  static std::optional<Network> parse(std::string_view text);
  // `client`: an address as connections have it, "unix:" for a unix socket.
  bool contains(std::string_view client) const;
  bool contains(const IpAddress& address) const;
};

}  // namespace caisson::gateway
