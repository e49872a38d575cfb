#include "app/new_binary.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/text.h"

namespace caisson::app {

namespace {

constexpr const char* sockets_variable = "NGINX";

bool is_listening_socket(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

// A pointer to each, and a null pointer behind the last, as exec wants them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The child: nothing here allocates.
[[noreturn]] void become(char* const* arguments, char* const* environment, std::span<const int> sockets) {
  for (const int socket : sockets) ::fcntl(socket, F_SETFD, 0);
  ::execvpe(arguments[0], arguments, environment);
  ::_exit(127);
}

}  // namespace

std::vector<Fd> take_inherited_sockets() {
  std::vector<Fd> sockets;
  const char* const value = ::getenv(sockets_variable);
  if (value == nullptr) return sockets;
  for (const std::string_view number : text::split(value, ';')) {
    const auto fd = text::to_number(number);
    // Somebody's own variable of that name must not close what is not ours.
    if (!fd || *fd <= STDERR_FILENO || !is_listening_socket(static_cast<int>(*fd))) continue;
    ::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC);
    sockets.emplace_back(static_cast<int>(*fd));
  }
  ::unsetenv(sockets_variable);
  return sockets;
}

Result<pid_t> start_new_binary(const std::vector<std::string>& call, std::span<const int> sockets) {
  std::string numbers = std::string(sockets_variable) + '=';
  for (const int socket : sockets) numbers += std::to_string(socket) + ';';
  std::vector<std::string> environment{numbers};
  for (char** at = environ; *at != nullptr; ++at) environment.emplace_back(*at);
  const std::vector<char*> arguments = pointers_to(call);
  const std::vector<char*> variables = pointers_to(environment);

  const pid_t pid = ::fork();
  if (pid < 0) return system_error(errno, "fork()");
  if (pid == 0) become(arguments.data(), variables.data(), sockets);
  return pid;
}

}  // namespace caisson::app
