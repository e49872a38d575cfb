// Somebody who wants to know what happens in a registry.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "registry/notify/endpoint.h"

namespace caisson::registry::notify {

// A receiver: one connection after the other, one request each; it answers what it is told to.
class Receiver {
 public:
  Receiver() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof any;
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), size) == 0);
    REQUIRE(::listen(listener_.get(), 16) == 0);
    REQUIRE(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any), &size) == 0);
    url = "http://127.0.0.1:" + std::to_string(ntohs(any.sin_port)) + "/";
    thread_ = std::jthread([this] { serve(); });
  }
  ~Receiver() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  // Waits until the condition holds for what has come; the requests so far.
  std::vector<std::string> wait(const std::function<bool(const std::vector<std::string>&)>& condition) {
    std::unique_lock lock(mutex_);
    REQUIRE(came_.wait_for(lock, std::chrono::seconds(30), [&] { return condition(requests_); }));
    return requests_;
  }
  void answer(std::string line) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(line);
  }

  std::string url;

 private:
  static bool is_whole(const std::string& request) {
    static const std::string length = "\r\nContent-Length: ";
    const std::size_t end = request.find("\r\n\r\n");
    const std::size_t declared = request.find(length);
    return end != std::string::npos && declared < end &&
           request.size() - end - 4 >= std::stoull(request.substr(declared + length.size()));
  }
  void serve() {
    while (true) {
      const Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      std::string request;
      std::array<char, 4096> buffer{};
      while (!is_whole(request)) {
        const ssize_t n = ::read(client.get(), buffer.data(), buffer.size());
        if (n <= 0) break;
        request.append(buffer.data(), static_cast<std::size_t>(n));
      }
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        answer = "HTTP/1.1 " + answer_ + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        requests_.push_back(request);
      }
      if (::write(client.get(), answer.data(), answer.size()) < 0) return;
      came_.notify_all();
    }
  }

  Fd listener_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> requests_;
  std::string answer_ = "200 OK";
  std::jthread thread_;
};

inline EndpointSettings settings_for(const Receiver& receiver) {
  EndpointSettings settings;
  settings.name = "it";
  settings.url = receiver.url;
  settings.timeout = std::chrono::seconds(10);
  settings.threshold = 2;
  settings.backoff = std::chrono::milliseconds(1);
  return settings;
}

}  // namespace caisson::registry::notify
