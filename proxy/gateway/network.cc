#include "gateway/network.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.h"

namespace caisson::gateway {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress address;
  const std::string copy(text);
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes.data()) == 1) return address;
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1) return std::nullopt;
  static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.end(), address.bytes.begin())) {
    IpAddress v4;
    std::copy(address.bytes.begin() + 12, address.bytes.end(), v4.bytes.begin());
    return v4;
  }
  address.v6 = true;
  return address;
}

IpAddress IpAddress::v4(std::uint32_t number) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) address.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}

std::uint32_t IpAddress::v4_number() const {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
  return text;
}

std::optional<Network> Network::parse(std::string_view text) {
  Network network;
  if (text == "unix:") {
    network.unix_sockets = true;
    return network;
  }
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  network.first = *address;
  const unsigned all = address->v6 ? 128 : 32;
  network.bits = all;
  if (slash == std::string_view::npos) return network;
  const auto bits = text::to_number(text.substr(slash + 1));
  if (!bits || *bits > all) return std::nullopt;
  network.bits = static_cast<unsigned>(*bits);
  for (unsigned i = network.bits; i < all; ++i) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (i % 8));
    if ((network.first.bytes[i / 8] & mask) == 0) continue;
    network.host_bits = true;
    network.first.bytes[i / 8] = static_cast<std::uint8_t>(network.first.bytes[i / 8] & ~mask);
  }
  return network;
}

bool Network::contains(const IpAddress& address) const {
  if (unix_sockets || address.v6 != first.v6) return false;
  const unsigned whole = bits / 8;
  if (!std::equal(first.bytes.begin(), first.bytes.begin() + whole, address.bytes.begin())) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((first.bytes[whole] ^ address.bytes[whole]) >> (8 - rest)) == 0;
}

bool Network::contains(std::string_view client) const {
  if (client == "unix:") return unix_sockets;
  const auto address = IpAddress::parse(client);
  return address && contains(*address);
}

}  // namespace caisson::gateway
