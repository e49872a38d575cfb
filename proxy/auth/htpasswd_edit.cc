#include "auth/htpasswd_edit.h"

#include <crypt.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "auth/crypt_hash.h"

namespace caisson::auth {
namespace {

constexpr std::size_t most_bcrypt_bytes = 72;

// The lines of a text with their ends, and whether each is the user's.
template <class Visit>
void for_each_line(std::string_view text, std::string_view user, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    visit(line, line.size() > user.size() && line.starts_with(user) && line[user.size()] == ':');
    text.remove_prefix(end);
  }
}

}  // namespace

Result<std::string> make_bcrypt(std::string_view password, unsigned cost) {
  const auto refused = [](const char* why) { return Error{ErrorCode::BadRequest, why}; };
  if (password.empty()) return refused("the password is empty");
  if (password.size() > most_bcrypt_bytes) return refused("bcrypt knows only the first 72 bytes of a password");
  if (password.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
    return refused("the password has a line end or a NUL in it");
  }
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn("$2y$", cost, nullptr, 0, setting, sizeof setting) == nullptr) {
    return system_error(errno, "making a salt");
  }
  const std::optional<std::string> hash = crypt_with(password, setting);
  if (!hash) return Error{ErrorCode::Io, "bcrypt is not offered by this system's libcrypt"};
  return *hash;
}

std::string_view fault_of_user(std::string_view user) {
  if (user.empty()) return "the user's name is empty";
  if (user.size() > 255) return "the user's name is longer than 255 bytes";
  if (user.find(':') != std::string_view::npos) return "a user's name cannot have a colon";
  if (user.front() == '#') return "a user's name cannot begin with \"#\", which begins a comment";
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(user.begin(), user.end(), is_control)) return "a user's name cannot have control characters";
  return {};
}

std::string with_user(std::string_view text, std::string_view user, std::string_view hash) {
  const std::string line = std::string(user) + ':' + std::string(hash) + '\n';
  std::string out;
  bool placed = false;
  for_each_line(text, user, [&](std::string_view old, bool is_users) {
    // Only the first line of a user counts; the others would come back to life with the next removal.
    if (is_users) {
      if (!placed) out += line;
      placed = true;
    } else {
      out += old;
    }
  });
  if (placed) return out;
  if (!out.empty() && out.back() != '\n') out += '\n';  // else the new user would become a part of the last line
  return out + line;
}

std::string without_user(std::string_view text, std::string_view user) {
  std::string out;
  for_each_line(text, user, [&](std::string_view line, bool is_users) {
    if (!is_users) out += line;
  });
  return out;
}

}  // namespace caisson::auth
