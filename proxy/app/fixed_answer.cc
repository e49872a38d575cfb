#include "app/fixed_answer.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <vector>

namespace caisson::app {

namespace {

void answer(const Fd& connection, const std::string& text) {
  std::string head;
  char block[1024];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t n = ::read(connection.get(), block, sizeof block);
    if (n <= 0) return;
    head.append(block, static_cast<std::size_t>(n));
  }
  const std::string response =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  static_cast<void>(!::write(connection.get(), response.data(), response.size()));
}

}  // namespace

int serve_fixed_answer(Serving& serving, const std::string& text) {
  if (!serving.control.ready().ok()) return EXIT_FAILURE;
  if (serving.check_only) return EXIT_SUCCESS;
  std::vector<std::thread> connections;
  for (bool accepting = true; accepting;) {
    std::vector<pollfd> waited{{serving.control.fd(), POLLIN, 0}};
    for (const NamedFd& listener : serving.listeners) waited.push_back({listener.fd.get(), POLLIN, 0});
    ::poll(waited.data(), waited.size(), -1);
    while (const auto command = serving.control.next()) {
      if (*command == Control::Command::Stop) ::_exit(EXIT_SUCCESS);
      if (*command == Control::Command::Quit) accepting = false;
    }
    for (std::size_t i = 1; i < waited.size() && accepting; ++i) {
      Fd connection(::accept4(waited[i].fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (connection) connections.emplace_back([c = std::move(connection), &text] { answer(c, text); });
    }
  }
  serving.listeners.clear();
  for (std::thread& connection : connections) connection.join();
  return EXIT_SUCCESS;
}

}  // namespace caisson::app
