// Brings one envelope after the other to a URL, over one connection as long as it holds.
//
// Ownership: owns the connection. Threading: one thread.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace caisson::registry::notify {

class Courier {
 public:
  struct Address {
    std::string url;
    std::chrono::milliseconds timeout{1000};
    std::vector<std::string> headers;  // "Name: value"
  };
  explicit Courier(const Address& address);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  struct Answer {
    long status = 0;      // 0: none came
    std::string problem;  // then: why
  };
  // `credentials`: "user:password"; "": none. Ends early when it is told to stop.
  Answer post(const std::string& body, const std::string& credentials, const std::stop_token& stop);

 private:
  struct Transfer;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace caisson::registry::notify
