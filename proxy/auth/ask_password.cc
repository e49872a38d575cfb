#include "auth/ask_password.h"

#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <string_view>

namespace caisson::auth {
namespace {

// One line of standard input, without its end.
Result<Secret> read_line() {
  char line[4096];
  std::size_t size = 0;
  while (size < sizeof line) {
    const ssize_t n = ::read(STDIN_FILENO, line + size, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, "reading the password");
    if (n == 0 || line[size] == '\n') break;
    ++size;
  }
  if (size > 0 && line[size - 1] == '\r') --size;
  Secret password(std::string_view(line, size));
  OPENSSL_cleanse(line, sizeof line);
  return password;
}

// The terminal's echo, off while this lives.
class NoEcho {
 public:
  NoEcho() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~NoEcho() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

Result<Secret> prompted(std::string_view prompt) {
  std::cerr << prompt << std::flush;
  Result<Secret> password = [] {
    const NoEcho quiet;
    return read_line();
  }();
  std::cerr << '\n';
  return password;
}

}  // namespace

Result<Secret> ask_on_standard_input(Asking asking) {
  if (::isatty(STDIN_FILENO) == 0) return read_line();
  if (asking == Asking::Once) return prompted("Password: ");
  Result<Secret> first = prompted("New password: ");
  if (!first.ok()) return first;
  const Result<Secret> again = prompted("Again: ");
  if (!again.ok()) return again.error();
  if (first.value().view() != again.value().view()) return Error{ErrorCode::BadRequest, "the two passwords differ"};
  return first;
}

}  // namespace caisson::auth
