// The other end of proxy_pass, as each test wants it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.h"
#include "integration/wire.h"

namespace integration {

// A listening socket: the test itself plays the backend, byte by byte.
class Backend {
 public:
  // `receive_buffer`, `send_buffer`: SO_RCVBUF and SO_SNDBUF of its connections; 0: the system's choice.
  explicit Backend(int receive_buffer = 0, int send_buffer = 0);
  std::uint16_t port() const noexcept { return port_; }
  // The next connection; throws when nobody connects in time.
  Wire accept();
  // Whether somebody connected and was not accepted yet.
  bool was_called() const;
  // From now on connections are refused.
  void close() { listener_.reset(); }
  int fd() const noexcept { return listener_.get(); }

 private:
  caisson::Fd listener_;
  std::uint16_t port_ = 0;
};

// A backend of its own thread that answers every request with 200 and "ok", and remembers what it was asked. It reads
// leniently on purpose: whatever reaches it counts.
class RecordingBackend {
 public:
  RecordingBackend();
  ~RecordingBackend();
  RecordingBackend(const RecordingBackend&) = delete;
  RecordingBackend& operator=(const RecordingBackend&) = delete;

  std::uint16_t port() const noexcept { return listener_.port(); }
  struct Request {
    std::string head;  // with the request line and the last empty line
    std::string body;  // without chunk framing
    std::size_t connection = 0;
  };
  // What came since the last call.
  std::vector<Request> take();
  std::size_t connections() const noexcept { return connections_; }

 private:
  void run();

  Backend listener_;
  caisson::Fd stop_;  // an eventfd
  std::atomic<std::size_t> connections_ = 0;
  std::mutex mutex_;
  std::vector<Request> requests_;
  std::thread thread_;
};

// "server { listen ...; location / { proxy_pass to the port; MORE } }"
std::string proxying(std::uint16_t port, std::uint16_t backend, std::string_view more = "",
                     std::string_view in_server = "");

}  // namespace integration
