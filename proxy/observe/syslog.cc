#include "observe/syslog.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <set>

#include "base/text.h"

namespace caisson::observe {

namespace {

constexpr std::array<std::string_view, 24> facilities = {"kern",   "user",   "mail",   "daemon", "auth",     "intern",
                                                         "lpr",    "news",   "uucp",   "clock",  "authpriv", "ftp",
                                                         "ntp",    "audit",  "alert",  "cron",   "local0",   "local1",
                                                         "local2", "local3", "local4", "local5", "local6",   "local7"};
constexpr std::array<std::string_view, 8> severities = {"emerg", "alert",  "crit", "error",
                                                        "warn",  "notice", "info", "debug"};

Error refused(std::string what) { return {ErrorCode::BadConfig, std::move(what)}; }

template <std::size_t Count>
std::optional<unsigned> position(const std::array<std::string_view, Count>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<unsigned>(found - names.begin());
}

// "Nov  1 07:05:09", RFC 3164 section 4.1.2.
std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%b %e %H:%M:%S", &parts)};
}

std::string machine() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

Result<std::shared_ptr<Syslog>> Syslog::make(std::string_view parameters) {
  std::shared_ptr<Syslog> made(new Syslog());
  std::set<std::string_view> seen;
  for (const std::string_view parameter : text::split(parameters, ',')) {
    const std::size_t equals = parameter.find('=');
    const std::string_view name = parameter.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
    if (!seen.insert(name).second) return refused("duplicate syslog \"" + std::string(name) + '"');
    if (name == "server" && !value.empty()) {
      if (Result<void> taken = made->take_server(value); !taken.ok()) return std::move(taken).error();
    } else if (name == "facility") {
      const auto number = position(facilities, value);
      if (!number) return refused("unknown syslog facility \"" + std::string(value) + '"');
      made->facility_ = *number;
    } else if (name == "severity") {
      const auto number = position(severities, value);
      if (!number) return refused("unknown syslog severity \"" + std::string(value) + '"');
      made->severity_ = *number;
    } else if (name == "tag") {
      if (value.size() > 32) return refused("syslog tag length exceeds 32");
      const bool clean = std::all_of(value.begin(), value.end(), [](char c) {
        return text::is_digit(c) || c == '_' || (text::lower(c) >= 'a' && text::lower(c) <= 'z');
      });
      if (!clean) return refused("syslog \"tag\" only allows alphanumeric characters and underscore");
      made->tag_ = value;
    } else if (parameter == "nohostname") {
      made->with_hostname_ = false;
    } else {
      return refused("unknown syslog parameter \"" + std::string(parameter) + '"');
    }
  }
  if (made->server_.empty()) return refused("no syslog server specified");
  return made;
}

Result<void> Syslog::take_server(std::string_view server) {
  server_ = server;
  if (server.starts_with("unix:")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    server.substr(5).copy(address.sun_path, sizeof address.sun_path - 1);
    std::memcpy(&address_, &address, sizeof address);
    address_size_ = sizeof address;
    return {};
  }
  const std::size_t bracket = server.rfind(']');
  const std::size_t colon = server.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const std::string host(text::trimmed(server.substr(0, has_port ? colon : std::string_view::npos), "[]"));
  const std::string port(has_port ? server.substr(colon + 1) : "514");
  const auto number = text::to_number(port);
  if (!number || *number < 1 || *number > 65535) return refused("invalid port in syslog server \"" + server_ + '"');
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) {
    return refused("host not found in syslog server \"" + server_ + '"');
  }
  std::memcpy(&address_, found->ai_addr, found->ai_addrlen);
  address_size_ = found->ai_addrlen;
  ::freeaddrinfo(found);
  return {};
}

Fd Syslog::open() const {
  Fd socket(::socket(address_.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* address = reinterpret_cast<const sockaddr*>(&address_);
  if (socket && ::connect(socket.get(), address, address_size_) != 0) socket.reset();
  return socket;
}

void Syslog::send(std::string_view line, unsigned severity) {
  std::string message = '<' + std::to_string(facility_ * 8 + severity) + '>' + timestamp() + ' ';
  if (with_hostname_) message += machine() + ' ';
  message.append(tag_).append(": ").append(line);
  const std::lock_guard lock(mutex_);
  // A server that was started anew takes a new socket.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!socket_) socket_ = open();
    if (!socket_) return;
    if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) return;
    if (errno == EAGAIN || errno == ENOBUFS) return;
    socket_.reset();
  }
}

}  // namespace caisson::observe
