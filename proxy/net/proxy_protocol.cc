#include "net/proxy_protocol.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

#include "base/text.h"
#include "net/socket.h"

namespace caisson::net {

namespace {

using State = ProxyHeaderOutcome::State;

constexpr std::size_t longest_line = 107;     // version 1, section 2.1
constexpr std::size_t longest_header = 4096;  // nginx's limit on version 2 with its TLVs
constexpr std::string_view line_begin = "PROXY ";
constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t fixed_size = 16;  // version 2, before the addresses

ProxyHeaderOutcome broken() { return {State::Broken, {}}; }

std::optional<std::uint16_t> port_in(std::string_view text) {
  const auto number = text::to_number(text);
  return number && *number <= 65535 ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}

// Version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 123 5678" CRLF. ngx_proxy_protocol_read
ProxyHeaderOutcome parse_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, longest_line).find('\n');
  if (end == std::string_view::npos) return bytes.size() < longest_line ? ProxyHeaderOutcome{} : broken();
  std::string_view line = bytes.substr(0, end);
  if (!line.ends_with('\r')) return broken();
  line.remove_suffix(1);
  line.remove_prefix(line_begin.size());
  ProxyHeaderOutcome outcome{State::Complete, {std::nullopt, end + 1}};
  if (line.starts_with("UNKNOWN")) return outcome;
  const std::vector<std::string_view> words = text::split(line, ' ');
  if (words.size() != 5 || (words[0] != "TCP4" && words[0] != "TCP6")) return broken();
  const auto client_port = port_in(words[3]);
  const auto server_port = port_in(words[4]);
  const int family = words[0] == "TCP4" ? AF_INET : AF_INET6;
  for (const std::string_view address : {words[1], words[2]}) {
    const auto parsed = Address::from_ip(address, 0);
    if (!parsed || parsed->family() != family) return broken();
  }
  if (!client_port || !server_port) return broken();
  outcome.header.ends = {std::string(words[1]), *client_port, std::string(words[2]), *server_port};
  return outcome;
}

std::string ip_text(int family, const char* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes, text.data(), text.size()) == nullptr ? std::string() : std::string(text.data());
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

// Version 2. ngx_proxy_protocol_v2_read
ProxyHeaderOutcome parse_binary(std::string_view bytes) {
  if (bytes.size() < fixed_size) return {};
  const std::size_t size = fixed_size + number_at(bytes, 14);
  const auto version_and_command = static_cast<unsigned char>(bytes[12]);
  if (version_and_command >> 4 != 2 || size > longest_header) return broken();
  if (bytes.size() < size) return {};
  ProxyHeaderOutcome outcome{State::Complete, {std::nullopt, size}};
  const bool proxied = (version_and_command & 0xf) == 1;
  const auto family_and_transport = static_cast<unsigned char>(bytes[13]);
  if (!proxied || (family_and_transport & 0xf) != 1) return outcome;
  const int family = family_and_transport >> 4 == 1 ? AF_INET : family_and_transport >> 4 == 2 ? AF_INET6 : AF_UNSPEC;
  if (family == AF_UNSPEC) return outcome;
  const std::size_t width = family == AF_INET ? 4 : 16;
  const std::string_view addresses = bytes.substr(fixed_size, size - fixed_size);
  if (addresses.size() < 2 * width + 4) return broken();
  outcome.header.ends = {ip_text(family, addresses.data()), number_at(addresses, 2 * width),
                         ip_text(family, addresses.data() + width), number_at(addresses, 2 * width + 2)};
  return outcome;
}

bool begins_alike(std::string_view bytes, std::string_view mark) {
  const std::size_t n = std::min(bytes.size(), mark.size());
  return bytes.substr(0, n) == mark.substr(0, n);
}

}  // namespace

ProxyHeaderOutcome parse_proxy_header(std::string_view bytes) {
  if (bytes.size() >= line_begin.size() && bytes.starts_with(line_begin)) return parse_line(bytes);
  if (bytes.size() >= signature.size() && bytes.starts_with(signature)) return parse_binary(bytes);
  return begins_alike(bytes, line_begin) || begins_alike(bytes, signature) ? ProxyHeaderOutcome{} : broken();
}

async::Task<std::optional<ProxyHeader>> read_proxy_header(async::Loop& loop, int fd, Milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  async::Pollable poll(loop, fd);
  std::string seen;
  std::array<char, longest_header> piece;
  for (;;) {
    const ssize_t n = ::recv(fd, piece.data(), piece.size() - seen.size(), MSG_PEEK);
    if (n == 0) co_return std::nullopt;
    if (n > 0) {
      const std::size_t before = seen.size();
      seen.append(piece.data(), static_cast<std::size_t>(n));
      ProxyHeaderOutcome outcome = parse_proxy_header(seen);
      if (outcome.state == State::Broken || (outcome.state == State::NeedMore && seen.size() == longest_header)) {
        co_return std::nullopt;
      }
      const bool complete = outcome.state == State::Complete;
      const std::size_t taken = complete ? outcome.header.size - before : static_cast<std::size_t>(n);
      if (::recv(fd, piece.data(), taken, 0) != static_cast<ssize_t>(taken)) co_return std::nullopt;
      if (complete) co_return std::move(outcome.header);
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) throw ConnectionLost("recv() failed (" + errno_text(errno) + ')');
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= Milliseconds::zero()) throw async::TimedOut();
    co_await poll.readable(left);
  }
}

}  // namespace caisson::net
