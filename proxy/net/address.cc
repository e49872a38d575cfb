#include "net/address.h"

#include <arpa/inet.h>

#include <cassert>
#include <cstddef>
#include <cstring>

#include "base/text.h"

namespace caisson::net {

namespace {

constexpr std::size_t unix_path_offset = offsetof(sockaddr_un, sun_path);

Error bad(const char* problem) { return {ErrorCode::BadConfig, problem}; }

// A port in 1 to 65535.
std::optional<std::uint16_t> port_in(std::string_view text) {
  const auto number = text::to_number(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

}  // namespace

Address::Address() noexcept : any_{}, size_(sizeof(sockaddr)) { any_.sa.sa_family = AF_UNSPEC; }

std::optional<Address> Address::from_ip(std::string_view ip, std::uint16_t port) {
  const std::string text(ip);
  if (text.size() != std::strlen(text.c_str())) return std::nullopt;  // inet_pton would stop at the NUL
  Address result;
  result.any_ = {};
  if (::inet_pton(AF_INET, text.c_str(), &result.any_.v4.sin_addr) == 1) {
    result.any_.v4.sin_family = AF_INET;
    result.size_ = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, text.c_str(), &result.any_.v6.sin6_addr) == 1) {
    result.any_.v6.sin6_family = AF_INET6;
    result.size_ = sizeof(sockaddr_in6);
  } else {
    return std::nullopt;
  }
  result.set_port(port);
  return result;
}

Address Address::any_v4(std::uint16_t port) { return *from_ip("0.0.0.0", port); }

std::optional<Address> Address::from_unix_path(std::string_view path) {
  Address result;
  if (path.empty() || path.size() >= sizeof result.any_.local.sun_path) return std::nullopt;
  result.any_.local.sun_family = AF_UNIX;
  std::memcpy(result.any_.local.sun_path, path.data(), path.size());
  result.size_ = static_cast<socklen_t>(unix_path_offset + path.size() + 1);
  return result;
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t size) {
  assert(size <= sizeof(Any));
  Address result;
  std::memcpy(&result.any_, address, size);
  result.size_ = size;
  return result;
}

bool Address::is_wildcard() const noexcept {
  if (family() == AF_INET) return any_.v4.sin_addr.s_addr == htonl(INADDR_ANY);
  return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&any_.v6.sin6_addr);
}

bool Address::is_loopback() const noexcept {
  if (family() == AF_INET) return ntohl(any_.v4.sin_addr.s_addr) >> 24 == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&any_.v6.sin6_addr);
}

std::uint16_t Address::port() const noexcept {
  if (family() == AF_INET) return ntohs(any_.v4.sin_port);
  return family() == AF_INET6 ? ntohs(any_.v6.sin6_port) : 0;
}

void Address::set_port(std::uint16_t port) noexcept {
  if (family() == AF_INET) any_.v4.sin_port = htons(port);
  if (family() == AF_INET6) any_.v6.sin6_port = htons(port);
}

std::string Address::ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) ::inet_ntop(AF_INET, &any_.v4.sin_addr, text, sizeof text);
  if (family() == AF_INET6) ::inet_ntop(AF_INET6, &any_.v6.sin6_addr, text, sizeof text);
  if (is_unix()) return "unix:";
  return text;
}

std::string Address::text() const {
  if (is_unix()) return ip().append(unix_path());
  if (family() == AF_INET6) return '[' + ip() + "]:" + std::to_string(port());
  return family() == AF_INET ? ip() + ':' + std::to_string(port()) : std::string();
}

std::string_view Address::unix_path() const noexcept {
  if (!is_unix() || size_ <= unix_path_offset) return {};  // an unnamed socket has no path
  return {any_.local.sun_path, ::strnlen(any_.local.sun_path, size_ - unix_path_offset)};
}

bool operator==(const Address& a, const Address& b) noexcept {
  if (a.family() != b.family() || a.port() != b.port()) return false;
  if (a.family() == AF_INET) return a.any_.v4.sin_addr.s_addr == b.any_.v4.sin_addr.s_addr;
  if (a.family() == AF_INET6) {
    return IN6_ARE_ADDR_EQUAL(&a.any_.v6.sin6_addr, &b.any_.v6.sin6_addr) &&
           a.any_.v6.sin6_scope_id == b.any_.v6.sin6_scope_id;
  }
  return a.unix_path() == b.unix_path();
}

namespace {

Address address_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), size);
}

}  // namespace

Address local_address(int fd) { return address_of(fd, &::getsockname); }
Address peer_address(int fd) { return address_of(fd, &::getpeername); }

// As ngx_parse_url, which takes everything before the last colon for the host only when that is the first one.
Result<Endpoint> Endpoint::parse(std::string_view text, Use use, std::uint16_t default_port) {
  Endpoint result;
  result.port = default_port;
  if (text.starts_with("unix:")) {
    result.port = 0;
    result.unix_path = text.substr(5);
    if (result.unix_path.empty()) return bad("no path in the unix domain socket");
    if (!Address::from_unix_path(result.unix_path)) return bad("too long path in the unix domain socket");
    return result;
  }
  if (text.find_first_of("/?#") != std::string_view::npos) return bad("invalid host");

  std::string_view rest;  // from the port's colon on
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad("invalid host");
    result.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return bad("invalid host");
    const auto address = Address::from_ip(result.host, 0);
    if (!address || address->family() != AF_INET6) return bad("invalid IPv6 address");
  } else {
    const std::size_t colon = text.find(':');
    const bool lone_port = use == Use::Listen && colon == std::string_view::npos && text::to_number(text);
    if (lone_port) {
      const auto port = port_in(text);
      if (!port) return bad("invalid port");
      result.host = "*";
      result.port = *port;
      result.has_port = true;
      return result;
    }
    result.host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
  }
  if (!rest.empty()) {
    const auto port = port_in(rest.substr(1));
    if (!port) return bad("invalid port");
    result.port = *port;
    result.has_port = true;
  }
  if (result.host.empty()) return bad("no host");
  if (result.host == "*" && use == Use::Connect) return bad("host not found");
  return result;
}

std::optional<Address> Endpoint::numeric() const {
  if (!unix_path.empty()) return Address::from_unix_path(unix_path);
  if (host == "*") return Address::any_v4(port);
  return Address::from_ip(host, port);
}

}  // namespace caisson::net
