#include "integration/backend.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <list>
#include <optional>
#include <stdexcept>
#include <utility>

#include "integration/support.h"

namespace integration {

namespace {

using caisson::Fd;

// Cuts the chunks off the front; nothing when the last one has not come.
std::optional<std::string> take_chunks(std::string_view& rest) {
  std::string body;
  for (;;) {
    const std::size_t line = rest.find("\r\n");
    if (line == std::string_view::npos) return std::nullopt;
    std::uint64_t size = 0;
    std::from_chars(rest.data(), rest.data() + line, size, 16);
    if (rest.size() < line + 2 + size + 2) return std::nullopt;
    body += rest.substr(line + 2, size);
    rest.remove_prefix(line + 2 + size + 2);
    if (size == 0) return body;
  }
}

// Cuts one request off the front of the bytes.
std::optional<RecordingBackend::Request> take_request(std::string& bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  RecordingBackend::Request request;
  request.head = bytes.substr(0, end + 4);
  std::string_view rest = std::string_view(bytes).substr(end + 4);
  const std::string length_name = "\r\nContent-Length: ";
  if (request.head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos) {
    auto body = take_chunks(rest);
    if (!body) return std::nullopt;
    request.body = std::move(*body);
  } else if (const std::size_t at = request.head.find(length_name); at != std::string::npos) {
    const std::size_t length = std::stoull(request.head.substr(at + length_name.size()));
    if (rest.size() < length) return std::nullopt;
    request.body = rest.substr(0, length);
    rest.remove_prefix(length);
  }
  bytes.erase(0, bytes.size() - rest.size());
  return request;
}

}  // namespace

Backend::Backend(int receive_buffer, int send_buffer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  // Accepted sockets inherit them.
  for (const auto& [option, size] : {std::pair(SO_RCVBUF, receive_buffer), std::pair(SO_SNDBUF, send_buffer)}) {
    if (size > 0) ::setsockopt(listener_.get(), SOL_SOCKET, option, &size, sizeof size);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 64) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
}

Wire Backend::accept() {
  pollfd waited{listener_.get(), POLLIN, 0};
  const int limit = static_cast<int>(std::chrono::milliseconds(patience).count());
  if (::poll(&waited, 1, limit) <= 0) throw std::runtime_error("nobody connected to the backend");
  return Wire(Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

bool Backend::was_called() const {
  pollfd waited{listener_.get(), POLLIN, 0};
  return ::poll(&waited, 1, 0) > 0;
}

RecordingBackend::RecordingBackend() : stop_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { run(); }) {}

RecordingBackend::~RecordingBackend() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

std::vector<RecordingBackend::Request> RecordingBackend::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(requests_, {});
}

void RecordingBackend::run() {
  struct Caller {
    Wire wire;
    std::size_t number;
    std::string bytes{};
    bool ended = false;
  };
  std::list<Caller> open;
  for (;;) {
    std::vector<pollfd> waited{{stop_.get(), POLLIN, 0}, {listener_.fd(), POLLIN, 0}};
    for (const Caller& connection : open) waited.push_back({connection.wire.fd(), POLLIN, 0});
    ::poll(waited.data(), waited.size(), -1);
    if (waited[0].revents != 0) return;
    for (Caller& connection : open) {
      if (!connection.wire.readable()) continue;
      const std::string_view come = connection.wire.read_some();
      connection.ended = come.empty();
      connection.bytes += come;
      while (auto request = take_request(connection.bytes)) {
        request->connection = connection.number;
        const bool has_body = !request->head.starts_with("HEAD ");
        {
          const std::scoped_lock lock(mutex_);
          requests_.push_back(std::move(*request));
        }
        try {
          connection.wire.send(std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n") + (has_body ? "ok" : ""));
        } catch (const std::runtime_error&) {  // the proxy gave up
          connection.ended = true;
        }
      }
    }
    open.remove_if([](const Caller& connection) { return connection.ended; });
    if (waited[1].revents != 0) open.push_back({listener_.accept(), ++connections_});
  }
}

std::string proxying(std::uint16_t port, std::uint16_t backend, std::string_view more, std::string_view in_server) {
  return "  server {\n    listen 127.0.0.1:" + std::to_string(port) + ";\n    client_max_body_size 0;\n" +
         std::string(in_server) + "\n    location / {\n      proxy_pass http://127.0.0.1:" + std::to_string(backend) +
         ";\n      proxy_request_buffering off;\n      proxy_buffering off;\n      proxy_http_version 1.1;\n" +
         std::string(more) + "\n    }\n  }\n";
}

}  // namespace integration
