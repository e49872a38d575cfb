#include "net/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "net/socket.h"

namespace caisson::net {

namespace {

using namespace std::chrono_literals;

// How many connections one readiness may bring, so that what is served already gets its turn.
constexpr int most_accepts_per_turn = 64;
// nginx's accept_mutex_delay: how long it lets a socket rest after it ran out of descriptors.
constexpr auto rest_after_trouble = 500ms;

// Options of a socket are wishes: what the kernel does not grant is no reason not to listen.
void set(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }
void set_on(int fd, int level, int option) { set(fd, level, option, 1); }

void set_tcp_options(int fd, const ListenOptions& options) {
  set_no_delay(fd);
  if (options.keepalive) set_keepalive(fd);
  const auto seconds = [](std::chrono::seconds time) { return static_cast<int>(time.count()); };
  if (options.keepalive_idle) set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(*options.keepalive_idle));
  if (options.keepalive_interval) set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(*options.keepalive_interval));
  if (options.keepalive_probes) set(fd, IPPROTO_TCP, TCP_KEEPCNT, *options.keepalive_probes);
  if (options.fast_open) set(fd, IPPROTO_TCP, TCP_FASTOPEN, *options.fast_open);
  if (options.deferred) set_on(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT);
}

}  // namespace

Result<Fd> open_listener(const Address& address, const ListenOptions& options) {
  const auto failed = [&address](const std::string& call) {
    return Error{ErrorCode::Io, call + ' ' + address.text() + " failed (" + errno_text(errno) + ')'};
  };
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket()");
  set_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (options.reuse_port) set_on(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  // Buffers before listen(): the window scale of what is accepted follows from them.
  if (options.receive_buffer) set(fd.get(), SOL_SOCKET, SO_RCVBUF, *options.receive_buffer);
  if (options.send_buffer) set(fd.get(), SOL_SOCKET, SO_SNDBUF, *options.send_buffer);
  if (!address.is_unix()) set_tcp_options(fd.get(), options);
  if (address.family() == AF_INET6) {
    const int only = options.ipv6_only ? 1 : 0;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  }
  if (::bind(fd.get(), address.get(), address.size()) != 0) return failed("bind() to");
  if (address.is_unix() && ::chmod(std::string(address.unix_path()).c_str(), 0666) != 0) return failed("chmod()");
  if (::listen(fd.get(), options.backlog) != 0) return failed("listen() to");
  return fd;
}

Acceptor::Acceptor(async::Loop& loop, int listener, Take take, observe::ErrorLog log)
    : loop_(loop), listener_(listener), take_(std::move(take)), log_(std::move(log)) {}

async::Task<void> Acceptor::run() {
  async::Pollable poll(loop_, listener_);
  for (;;) {
    co_await poll.readable();
    Outcome outcome = Outcome::Taken;
    for (int i = 0; i < most_accepts_per_turn && outcome == Outcome::Taken; ++i) outcome = accept_one();
    if (outcome == Outcome::Rest) co_await loop_.sleep_for(rest_after_trouble);
  }
}

Acceptor::Outcome Acceptor::accept_one() {
  if (!spare_) spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* const peer = reinterpret_cast<sockaddr*>(&storage);
  Fd socket(::accept4(listener_, peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    take_(std::move(socket), Address::from_sockaddr(peer, size));
    return Outcome::Taken;
  }
  switch (errno) {
    case EAGAIN:
      return Outcome::Empty;
    case EMFILE:
    case ENFILE:
      return shed_one(errno);
    case ENOBUFS:
    case ENOMEM:
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      complain(observe::Level::Alert, errno);
      return Outcome::Rest;
    default:  // what became of this one connection while it waited; accept(2) lists the network's errors
      return Outcome::Taken;
  }
}

// accept4() wants a descriptor before it looks for a connection: without one it fails even when nobody waits.
Acceptor::Outcome Acceptor::shed_one(int why) {
  spare_.reset();
  const Fd refused(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
  if (!refused && errno == EAGAIN) return Outcome::Empty;
  complain(observe::Level::Crit, why);
  return refused ? Outcome::Taken : Outcome::Rest;
}

void Acceptor::complain(observe::Level level, int error_number) {
  const auto now = std::chrono::steady_clock::now();
  if (now - complained_ < 1s) return;
  complained_ = now;
  log_.write(level, "accept4() failed (" + errno_text(error_number) + ')');
}

}  // namespace caisson::net
