#include "app/container/health.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>

#include "base/handle.h"
#include "base/text.h"
#include "config/source.h"

namespace caisson::app::container {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{4};  // for all ports together; HEALTHCHECK's own limit is longer

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = text::split(line, ' ');
  std::erase(words, "");
  return words;
}

std::optional<std::uint64_t> from_hex(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char digit : digits) {
    if (text::hex_value(digit) < 0 || digits.size() > 8) return std::nullopt;
    value = value * 16 + static_cast<std::uint64_t>(text::hex_value(digit));
  }
  return value;
}

// "0100007F:1F90": words of four bytes as this machine reads them, then the port.
std::optional<net::Address> address_of(std::string_view field) {
  const std::size_t colon = field.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  const auto port = from_hex(field.substr(colon + 1));
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < colon / 8; ++i) {
    const auto word = from_hex(field.substr(8 * i, 8));
    if (!word) return std::nullopt;
    words[i] = static_cast<std::uint32_t>(*word);
  }
  if (!port) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> ip{};
  ::inet_ntop(colon == 8 ? AF_INET : AF_INET6, words.data(), ip.data(), ip.size());
  return net::Address::from_ip(ip.data(), static_cast<std::uint16_t>(*port));
}

// Of the sockets that process 1 has open.
std::set<std::uint64_t> sockets_of_process_1() {
  std::set<std::uint64_t> inodes;
  std::error_code none;
  for (fs::directory_iterator at("/proc/1/fd", none), end; at != end; at.increment(none)) {
    const std::string target = fs::read_symlink(at->path(), none).string();
    if (!target.starts_with("socket:[")) continue;
    if (const auto inode = text::to_number(std::string_view(target).substr(8, target.size() - 9)))
      inodes.insert(*inode);
  }
  return inodes;
}

// Where a client of this machine reaches what listens on the address.
net::Address reachable(const net::Address& address) {
  if (!address.is_wildcard()) return address;
  return *net::Address::from_ip(address.family() == AF_INET6 ? "::1" : "127.0.0.1", address.port());
}

// A connection to it. Docker's containers take a listener on IPv6 and have no address of it: whoever listens on all of
// them is then reached by IPv4.
Result<Fd> connect_to(const net::Address& address) {
  Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Where the queue of the listening socket is full, connect() waits; this limits it, too.
  const timeval limit{patience.count(), 0};
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (socket && ::connect(socket.get(), address.get(), address.size()) == 0) return socket;
  const int error = errno;
  const net::Address loopback6 = *net::Address::from_ip("::1", address.port());
  if (error == EADDRNOTAVAIL && address.text() == loopback6.text()) {
    return connect_to(*net::Address::from_ip("127.0.0.1", address.port()));
  }
  return system_error(error, "connect() to " + address.text());
}

// Ends the connection without a request and waits for the other end to do so, too. The error says what was missing.
Result<void> ask(const net::Address& address, Clock::time_point deadline) {
  const Result<Fd> connected = connect_to(address);
  if (!connected.ok()) return connected.error();
  const Fd& socket = connected.value();
  ::shutdown(socket.get(), SHUT_WR);
  pollfd waited{socket.get(), POLLIN, 0};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  if (::poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(0, left.count()))) > 0) return {};
  return Error{ErrorCode::Io, address.text() + " does not answer"};
}

}  // namespace

std::vector<net::Address> listening(std::string_view table, const std::set<std::uint64_t>& inodes) {
  constexpr std::size_t local = 1;
  constexpr std::size_t state = 3;
  constexpr std::size_t inode = 9;
  constexpr std::string_view listens = "0A";
  std::vector<net::Address> found;
  for (const std::string_view line : text::split(table, '\n')) {
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() <= inode || words[state] != listens) continue;
    const auto number = text::to_number(words[inode]);
    if (!number || !inodes.contains(*number)) continue;
    if (const auto address = address_of(words[local])) found.push_back(*address);
  }
  return found;
}

int check_health(std::ostream& out) {
  const std::set<std::uint64_t> inodes = sockets_of_process_1();
  std::vector<net::Address> addresses;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const Result<std::string> text = config::FileSource().read(table);
    if (!text.ok()) continue;
    for (const net::Address& address : listening(text.value(), inodes)) addresses.push_back(reachable(address));
  }
  if (addresses.empty()) {
    out << "process 1 listens on no port\n";
    return EXIT_FAILURE;
  }
  const Clock::time_point deadline = Clock::now() + patience;
  int status = EXIT_SUCCESS;
  for (const net::Address& address : addresses) {
    if (const Result<void> answered = ask(address, deadline); !answered.ok()) {
      out << answered.error().what << '\n';
      status = EXIT_FAILURE;
    }
  }
  return status;
}

}  // namespace caisson::app::container
