#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace caisson::net {

namespace {

// What one socket may move before the others of its loop have their turn.
constexpr std::size_t turn_share = 256 * 1024;

// Lets the loop turn once. Throws async::Cancelled.
class NextTurn final : public async::Suspension {
  void start() override { finish(Outcome::Ready); }
  void stop() noexcept override {}
};

[[noreturn]] void throw_lost(const char* call) {
  throw ConnectionLost(std::string(call) + " failed (" + errno_text(errno) + ')');
}

// Drops what was written from the front.
std::span<iovec> without(std::span<iovec> parts, std::size_t written) {
  while (!parts.empty() && written >= parts.front().iov_len) {
    written -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty()) {
    parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + written;
    parts.front().iov_len -= written;
  }
  return parts;
}

}  // namespace

std::string errno_text(int error_number) {
  return std::to_string(error_number) + ": " + std::generic_category().message(error_number);
}

void set_no_delay(int fd) noexcept {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void set_keepalive(int fd) noexcept {
  const int on = 1;
  const int idle_seconds = 60;
  const int interval_seconds = 15;
  const int probes = 4;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

async::Task<void> Socket::take_turns() {
  if (moved_this_turn_ < turn_share || turn_ != loop_.now()) co_return;
  NextTurn next;
  co_await next;
}

void Socket::moved(std::size_t bytes) noexcept {
  if (turn_ != loop_.now()) {
    turn_ = loop_.now();
    moved_this_turn_ = 0;
  }
  moved_this_turn_ += bytes;
}

std::optional<std::size_t> Socket::read_now(std::span<std::byte> into) {
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (n >= 0) {
      moved(static_cast<std::size_t>(n));
      return static_cast<std::size_t>(n);
    }
    if (errno == EAGAIN) return std::nullopt;
    if (errno != EINTR) throw_lost("recv()");
  }
}

async::Task<std::size_t> Socket::read(std::span<std::byte> into, Milliseconds idle) {
  co_await take_turns();
  for (;;) {
    if (const auto n = read_now(into)) co_return *n;
    co_await poll_.readable(idle);
  }
}

async::Task<void> Socket::write(std::span<iovec> parts, Milliseconds idle) {
  constexpr std::size_t most_parts = 64;  // far below IOV_MAX
  parts = without(parts, 0);
  while (!parts.empty()) {
    co_await take_turns();
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = std::min(parts.size(), most_parts);
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n >= 0) {
      moved(static_cast<std::size_t>(n));
      parts = without(parts, static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      co_await poll_.writable(idle);
    } else if (errno != EINTR) {
      throw_lost("send()");
    }
  }
}

std::size_t Socket::write_now(std::span<const iovec> parts) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

async::Task<void> Socket::wait_readable(Milliseconds idle) { co_await poll_.readable(idle); }

void Socket::half_close() noexcept { ::shutdown(fd_.get(), SHUT_WR); }

void Socket::reset_on_close() noexcept {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

namespace {

// 0, or the error of the call that is named.
int bind_to(int fd, const LocalEnd& from, const char*& call) {
  const int on = 1;
  if (from.transparent) {
    call = "setsockopt(IP_TRANSPARENT)";
    const bool v6 = from.address.family() == AF_INET6;
    const int outcome = v6 ? ::setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof on)
                           : ::setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on);
    if (outcome != 0) return errno;
  }
  // The port is chosen at connect(), when the other end is known, too: more than one connection may have it.
  if (from.address.port() == 0) ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  call = "bind()";
  return ::bind(fd, from.address.get(), from.address.size()) == 0 ? 0 : errno;
}

}  // namespace

async::Task<Result<Fd>> connect(Address to, Milliseconds limit, std::optional<LocalEnd> from) {
  const auto failed = [](const char* call, int error_number) {
    return Error{ErrorCode::Io, std::string(call) + " failed (" + errno_text(error_number) + ')'};
  };
  Fd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return failed("socket()", errno);
  if (!to.is_unix()) {
    set_no_delay(fd.get());
    set_keepalive(fd.get());
  }
  const char* call = nullptr;
  if (from) {
    if (const int error_number = bind_to(fd.get(), *from, call); error_number != 0)
      co_return failed(call, error_number);
  }
  if (::connect(fd.get(), to.get(), to.size()) == 0) co_return std::move(fd);
  if (errno != EINPROGRESS) co_return failed("connect()", errno);
  {
    async::Pollable poll(async::Loop::current(), fd.get());
    co_await poll.writable(limit);
  }
  int error_number = 0;
  socklen_t size = sizeof error_number;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) error_number = errno;
  if (error_number != 0) co_return failed("connect()", error_number);
  co_return std::move(fd);
}

async::Task<std::size_t> PlainTransport::read(std::span<std::byte> into, Milliseconds idle) {
  return socket_.read(into, idle);
}

async::Task<void> PlainTransport::write(std::span<const std::span<const std::byte>> pieces, Milliseconds idle) {
  std::array<iovec, 16> parts;
  while (!pieces.empty()) {
    const std::size_t n = std::min(pieces.size(), parts.size());
    std::transform(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(n), parts.begin(),
                   [](std::span<const std::byte> piece) {
                     return iovec{const_cast<std::byte*>(piece.data()), piece.size()};
                   });
    co_await socket_.write(std::span(parts).first(n), idle);
    pieces = pieces.subspan(n);
  }
}

async::Task<void> PlainTransport::wait_readable(Milliseconds idle) { return socket_.wait_readable(idle); }

async::Task<void> PlainTransport::shutdown(Milliseconds) {
  socket_.half_close();
  co_return;
}

}  // namespace caisson::net
